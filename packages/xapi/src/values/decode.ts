import { isRecord } from '@nixen/core'
import { parseDatetime } from './datetime.ts'
import { decoding, inside, Mismatch } from './mismatch.ts'
import { emptyMap, emptySet, nullRef, parseFloatText, parseInteger, setMember } from './plain.ts'
import { classOfEvent, fieldsOf } from './schema.ts'
import { parseType, type XapiType } from './type.ts'

/**
 * A raw wire value (of JSON or XML) as a value of ours:
 *
 * - null references (`OpaqueRef:NULL`, `""`) → `null`, and left out of sets
 * - datetime → epoch milliseconds; int → `number`, `bigint` beyond 2^53; float → `number`, with `NaN` and infinities
 * - map with reference keys → `Map`; other maps → object; a missing option → `null`; void → `undefined`
 * - enum values and fields that the data model does not know are kept as they came
 *
 * Empty sets and maps are shared and frozen: treat results as read-only.
 *
 * @param type in the grammar of the data model, for example `set(ref:VM)`
 * @param path names the value in an error, for example `VM.get_record()`
 * @throws `xapi.bad_answer` with what was expected, what came, and where
 */
export function decodeValue(type: string, raw: unknown, path = type): unknown {
  return decoding(path, () => decode(parseType(type), raw))
}

/** Decodes without turning a {@link Mismatch} into an error for users. */
export function decode(type: XapiType, raw: unknown): unknown {
  switch (type.kind) {
    case 'any':
      return raw
    case 'void':
      return undefined
    case 'string':
    case 'enum':
      if (typeof raw === 'string') return raw
      throw new Mismatch('text', raw)
    case 'ref':
      return decodeRef(raw)
    case 'int':
      return decodeInt(raw)
    case 'float':
      return decodeFloat(raw)
    case 'bool':
      if (typeof raw === 'boolean') return raw
      throw new Mismatch('true or false', raw)
    case 'datetime':
      return decodeDatetime(raw)
    case 'set':
      return decodeSet(type.of, raw)
    case 'map':
      return decodeMap(type.key, type.value, raw)
    case 'record':
      return decodeRecord(type.class, raw)
    case 'option':
      return decodeOption(type.of, raw)
  }
}

function decodeRef(raw: unknown): string | null {
  if (typeof raw !== 'string') throw new Mismatch('a reference', raw)
  return raw === nullRef || raw === '' ? null : raw
}

function decodeInt(raw: unknown): number | bigint {
  if (typeof raw === 'number' && Number.isSafeInteger(raw)) return raw
  if (typeof raw === 'bigint' && BigInt.asIntN(64, raw) === raw) return raw
  const value = typeof raw === 'string' ? parseInteger(raw) : undefined
  if (value === undefined) throw new Mismatch('an integer', raw)
  return value
}

function decodeFloat(raw: unknown): number {
  if (typeof raw === 'number') return raw
  if (typeof raw === 'bigint') return Number(raw)
  const value = typeof raw === 'string' ? parseFloatText(raw) : undefined
  if (value === undefined) throw new Mismatch('a number', raw)
  return value
}

function decodeDatetime(raw: unknown): number {
  const value = typeof raw === 'string' ? parseDatetime(raw) : undefined
  if (value === undefined) throw new Mismatch('a date', raw)
  return value
}

function decodeSet(of: XapiType, raw: unknown): readonly unknown[] {
  if (!Array.isArray(raw)) throw new Mismatch('an array', raw)
  const values: unknown[] = []
  for (const [index, item] of raw.entries()) {
    try {
      const value = decode(of, item)
      // A null reference in a set names no object.
      if (value !== null || of.kind !== 'ref') values.push(value)
    } catch (error) {
      throw inside(error, index)
    }
  }
  return values.length === 0 ? emptySet : values
}

function decodeMap(key: XapiType, value: XapiType, raw: unknown): unknown {
  if (!isRecord(raw)) throw new Mismatch('an object', raw)
  const entries = Object.entries(raw)
  if (key.kind === 'ref') return new Map(entries.map(([name, item]) => [name, decodeMember(value, item, name)]))
  if (entries.length === 0) return emptyMap
  const members: Record<string, unknown> = {}
  for (const [name, item] of entries) setMember(members, name, decodeMember(value, item, name))
  return members
}

function decodeMember(type: XapiType, raw: unknown, name: string): unknown {
  try {
    return decode(type, raw)
  } catch (error) {
    throw inside(error, name)
  }
}

function decodeRecord(className: string, raw: unknown): unknown {
  if (!isRecord(raw)) throw new Mismatch(`a record of ${className}`, raw)
  const fields = fieldsOf(className)
  const record: Record<string, unknown> = {}
  for (const [name, item] of Object.entries(raw)) {
    const type = fields?.get(name)
    if (!type) setMember(record, name, item)
    else if (type.kind === 'record' && type.class === '*') record[name] = decodeSnapshot(raw['class'], item, name)
    else record[name] = decodeMember(type, item, name)
  }
  return record
}

/** The snapshot of an event is a record of the event's class. */
function decodeSnapshot(className: unknown, raw: unknown, name: string): unknown {
  const known = typeof className === 'string' ? classOfEvent(className) : undefined
  return known === undefined ? raw : decodeMember({ kind: 'record', class: known }, raw, name)
}

/** An option is the bare value as a member of a record (or no member), elsewhere a set of at most one. */
function decodeOption(of: XapiType, raw: unknown): unknown {
  if (raw === null || raw === undefined) return null
  if (Array.isArray(raw) && of.kind !== 'set') return raw.length === 0 ? null : decode(of, raw[0])
  return decode(of, raw)
}
