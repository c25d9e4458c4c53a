import { isRecord } from '@nixen/core'
import type { FaultRule } from '../faults/faults.ts'
import type { SpaceFaultRule } from '../faults/space-faults.ts'
import type { StreamFaultRule } from '../faults/stream-faults.ts'
import { debugErrors } from './errors.ts'

const texts = ['method', 'ref', 'answer', 'stream', 'sr'] as const
const numbers = ['probability', 'count', 'skip', 'delay', 'bytesPerSecond', 'cutAfter', 'space'] as const
const ofCalls: ReadonlySet<string> = new Set([
  'method',
  'ref',
  'error',
  'delay',
  'lost',
  'answer',
  'probability',
  'count',
  'skip',
])
const ofStreams: ReadonlySet<string> = new Set(['stream', 'bytesPerSecond', 'cutAfter', 'probability', 'count'])

const ofSpace: ReadonlySet<string> = new Set(['sr', 'space'])

/** A rule that came as JSON. @throws toolstack_debug.bad_body */
export function faultRule(value: unknown): FaultRule | StreamFaultRule | SpaceFaultRule {
  if (!isRecord(value)) throw bad('a JSON object')
  const known = 'stream' in value ? ofStreams : 'sr' in value ? ofSpace : ofCalls
  for (const name of Object.keys(value)) if (!known.has(name)) throw bad(`without "${name}"`)
  for (const name of texts) {
    if (name in value && typeof value[name] !== 'string') throw bad(`with "${name}" as text`)
  }
  for (const name of numbers) {
    const number = value[name]
    if (name in value && !(typeof number === 'number' && number >= 0)) throw bad(`with "${name}" as a number from 0`)
  }
  const { error, bytesPerSecond, lost } = value
  if (lost !== undefined && typeof lost !== 'boolean') throw bad('with "lost" as true or false')
  if (
    error !== undefined &&
    !(Array.isArray(error) && error.length > 0 && error.every((part) => typeof part === 'string'))
  )
    throw bad('with "error" as an array of texts, the code first')
  if (bytesPerSecond === 0) throw bad('with "bytesPerSecond" above 0')
  if ('sr' in value && !('space' in value)) throw bad('with "space" beside "sr"')
  if (!('method' in value) && !('stream' in value) && !('sr' in value)) throw bad('with "method", "stream" or "sr"')
  // Each member was checked above.
  return value as unknown as FaultRule | StreamFaultRule | SpaceFaultRule
}

function bad(expected: string): Error {
  return debugErrors.bad_body({ expected: `a rule ${expected}` })
}
