import { isRecord } from '@nixen/core'
import { formatDatetime } from './datetime.ts'
import { encoding, inside, Mismatch } from './mismatch.ts'
import { nullRef, parseInteger, setMember } from './plain.ts'
import { classOfEvent, fieldsOf } from './schema.ts'
import { parseType, type XapiType } from './type.ts'

/**
 * A value of ours as a raw wire value, the inverse of `decodeValue`: `null` references → `OpaqueRef:NULL`, epoch milliseconds → text of whole
 * seconds, maps → objects. Members that are `undefined` are left out.
 *
 * @param path names the value in an error, for example `VM.start(vm)`
 * @throws `xapi.bad_value` with what was expected, what was given, and where
 */
export function encodeValue(type: string, value: unknown, path = type): unknown {
  return encoding(path, () => encode(parseType(type), value))
}

/** Encodes without turning a {@link Mismatch} into an error for users. */
export function encode(type: XapiType, value: unknown): unknown {
  switch (type.kind) {
    case 'any':
      return value
    case 'void':
      return ''
    case 'string':
    case 'enum':
      if (typeof value === 'string') return value
      throw new Mismatch('text', value)
    case 'ref':
      if (value === null) return nullRef
      if (typeof value === 'string') return value
      throw new Mismatch(`a reference of ${type.class} or null`, value)
    case 'int':
      return encodeInt(value)
    case 'float':
      if (typeof value === 'number') return value
      throw new Mismatch('a number', value)
    case 'bool':
      if (typeof value === 'boolean') return value
      throw new Mismatch('true or false', value)
    case 'datetime':
      return encodeDatetime(value)
    case 'set':
      return encodeSet(type.of, value)
    case 'map':
      return encodeMap(type, value)
    case 'record':
      return encodeRecord(type.class, value)
    case 'option':
      return value === null || value === undefined ? [] : encode(type.of, value)
  }
}

function encodeInt(value: unknown): number | bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value + 0
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return value
  throw new Mismatch('an integer of 64 bits (a bigint beyond 2^53)', value)
}

function encodeDatetime(value: unknown): string {
  if (typeof value !== 'number') throw new Mismatch('epoch milliseconds', value)
  try {
    return formatDatetime(value)
  } catch {
    // The only failure is a time without a year of four digits.
    throw new Mismatch('epoch milliseconds of a year from 0 to 9999', value)
  }
}

function encodeSet(of: XapiType, value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Mismatch('an array', value)
  return value.map((item: unknown, index) => encodeMember(of, item, index))
}

function encodeMap(type: XapiType & { kind: 'map' }, value: unknown): unknown {
  if (!isRecord(value)) throw new Mismatch('an object or a map', value)
  const entries: Iterable<readonly [unknown, unknown]> = value instanceof Map ? value : Object.entries(value)
  const members: Record<string, unknown> = {}
  for (const [key, item] of entries) {
    if (item === undefined) continue
    const name = encodeKey(type.key, key)
    setMember(members, name, encodeMember(type.value, item, name))
  }
  return members
}

/** Keys are text on the wire whatever their type. */
function encodeKey(type: XapiType, key: unknown): string {
  if (type.kind !== 'int') {
    if (typeof key === 'string') return key
    throw new Mismatch('text as a key', key)
  }
  if (typeof key === 'string' && parseInteger(key) !== undefined) return key
  return String(encodeInt(key))
}

function encodeMember(type: XapiType, value: unknown, name: string | number): unknown {
  try {
    return encode(type, value)
  } catch (error) {
    throw inside(error, name)
  }
}

function encodeRecord(className: string, value: unknown): unknown {
  if (!isRecord(value)) throw new Mismatch(`a record of ${className}`, value)
  const fields = fieldsOf(className)
  const members: Record<string, unknown> = {}
  for (const [name, item] of Object.entries(value)) {
    const type = fieldType(fields?.get(name), value)
    // An option without a value is a missing member.
    if (item === undefined || (item === null && type.kind === 'option')) continue
    setMember(members, name, encodeMember(type, item, name))
  }
  return members
}

/** Unknown members go out as they are; the snapshot of an event goes by the event's class. */
function fieldType(type: XapiType | undefined, record: Record<string, unknown>): XapiType {
  if (!type) return { kind: 'any' }
  if (type.kind !== 'record' || type.class !== '*') return type
  const name = record['class']
  const known = typeof name === 'string' ? classOfEvent(name) : undefined
  return known === undefined ? { kind: 'any' } : { kind: 'record', class: known }
}
