import { isRecord } from '@nixen/core'
import type { Account } from '../session/directory.ts'
import { debugErrors } from './errors.ts'

/** An account of the directory that came as JSON, under the name of its path. @throws toolstack_debug.bad_body */
export function directoryAccount(name: string, value: unknown): Account {
  if (!isRecord(value)) throw bad('a JSON object')
  const { password, groups = [], suspended = false, ...others } = value
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw bad(`without "${unknown}"`)
  if (name === '') throw bad('with a name in the path')
  if (typeof password !== 'string') throw bad('with "password" as text')
  if (typeof suspended !== 'boolean') throw bad('with "suspended" as true or false')
  if (!Array.isArray(groups) || !groups.every((group): group is string => typeof group === 'string')) {
    throw bad('with "groups" as an array of names')
  }
  return { name, password, groups, suspended }
}

function bad(expected: string): Error {
  return debugErrors.bad_body({ expected: `an account: ${expected}` })
}
