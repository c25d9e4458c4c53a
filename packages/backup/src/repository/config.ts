import { randomBytes } from 'node:crypto'
import { isRecord } from '@nixen/core'
import { backupErrors, damaged } from '../errors.ts'
import { isIrreducible, randomPolynomial } from './polynomial.ts'

/** The `config` file of a repository. */
export interface RepositoryConfig {
  readonly version: 1 | 2
  /** 64 hexadecimal digits, random. */
  readonly id: string
  readonly chunkerPolynomial: string
}

export function newConfig(): RepositoryConfig {
  return { version: 2, id: randomBytes(32).toString('hex'), chunkerPolynomial: randomPolynomial() }
}

export function encodeConfig({ version, id, chunkerPolynomial }: RepositoryConfig): Uint8Array {
  return Buffer.from(JSON.stringify({ version, id, chunker_polynomial: chunkerPolynomial }))
}

/** Errors: `backup.file_damaged`, `backup.unsupported_version`. */
export function decodeConfig(bytes: Uint8Array, location: string): RepositoryConfig {
  const value = parse(bytes)
  const { version, id, chunker_polynomial: polynomial } = value
  if (typeof version !== 'number') throw damaged('config', '', 'it has no version')
  if (version !== 1 && version !== 2) throw backupErrors.unsupported_version({ location, version })
  if (typeof id !== 'string' || !/^[0-9a-f]{64}$/.test(id)) throw damaged('config', '', 'it has no id')
  if (typeof polynomial !== 'string' || !/^[0-9a-f]{1,16}$/.test(polynomial)) {
    throw damaged('config', '', 'it has no chunker polynomial')
  }
  if (!isIrreducible(BigInt(`0x${polynomial}`))) throw damaged('config', '', 'its chunker polynomial is reducible')
  return { version, id, chunkerPolynomial: polynomial }
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    if (isRecord(value)) return value
  } catch (error) {
    throw damaged('config', '', 'it is not JSON', error)
  }
  throw damaged('config', '', 'it is not an object')
}
