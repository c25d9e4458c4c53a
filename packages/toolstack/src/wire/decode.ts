import { isRecord } from '@nixen/core'
import { XapiError } from '@nixen/xapi'
import { defaultValue } from '../db/defaults.ts'
import { fault } from '../errors.ts'
import type { ClassModel, Model } from '../model/model.ts'
import type { WireType } from '../model/wire-type.ts'
import { parseDate } from './dates.ts'

/**
 * Turns a parameter as it came over the wire into the value handlers work with. A value of the wrong type is `INTERNAL_ERROR`, an enum value that does
 * not exist is `INVALID_VALUE`, as on a host.
 *
 * @param name the parameter, for the error
 */
export function decodeParam(model: Model, type: WireType, value: unknown, name: string): unknown {
  switch (type.kind) {
    case 'string':
    case 'secret':
    case 'ref':
      if (typeof value === 'string') return value
      break
    case 'enum':
      if (typeof value !== 'string') break
      if (!type.values.has(value)) throw fault('INVALID_VALUE', type.name, value)
      return value
    case 'int': {
      const number = decodeNumber(value, /^-?\d+$/)
      if (number !== undefined && Number.isSafeInteger(number)) return number
      break
    }
    case 'float': {
      const number = decodeNumber(value, /^-?(?:\d+\.?\d*(?:e[+-]?\d+)?|nan|inf(?:inity)?)$/i)
      if (number !== undefined) return number
      break
    }
    case 'bool':
      if (typeof value === 'boolean') return value
      break
    case 'datetime': {
      const date = typeof value === 'string' ? parseDate(value) : undefined
      if (date !== undefined) return date
      break
    }
    case 'set':
      if (Array.isArray(value)) return value.map((item) => decodeParam(model, type.of, item, name))
      break
    case 'map':
      if (isRecord(value)) return decodeMap(model, type, value, name)
      break
    case 'option':
      return value === null ? null : decodeParam(model, type.of, value, name)
    case 'record': {
      const cls = model.classes.get(type.class)
      if (isRecord(value) && cls) return decodeRecord(model, cls, value)
      break
    }
    case 'void':
    case 'struct':
  }
  throw wrongType(name, type, value)
}

function decodeNumber(value: unknown, pattern: RegExp): number | undefined {
  if (typeof value === 'number') return value
  // Beyond 2^53: a float takes the nearest, what wants an integer looks at the size.
  if (typeof value === 'bigint') return Number(value)
  if (typeof value !== 'string' || !pattern.test(value)) return undefined
  const lower = value.toLowerCase()
  if (lower.endsWith('nan')) return NaN
  if (lower.includes('inf')) return lower.startsWith('-') ? -Infinity : Infinity
  return Number(value)
}

function decodeMap(model: Model, type: WireType & { kind: 'map' }, value: object, name: string): object {
  // `fromEntries` defines properties, so a key such as `__proto__` is a key like any other.
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => {
      decodeParam(model, type.key, key, name)
      return [key, decodeParam(model, type.value, entry, name)]
    }),
  )
}

/** Fields that `create` takes; unknown members are ignored, a missing one without a default is an error. */
function decodeRecord(model: Model, cls: ClassModel, value: Readonly<Record<string, unknown>>): object {
  const fields: Record<string, unknown> = {}
  for (const field of cls.fields) {
    if (field.qualifier === 'DynamicRO' || field.relation?.kind === 'many') continue
    const given = Object.hasOwn(value, field.name) ? value[field.name] : undefined
    if (given !== undefined) fields[field.name] = decodeParam(model, field.type, given, field.name)
    else if (field.default !== undefined || field.internal) fields[field.name] = defaultValue(field)
    else throw new XapiError('INTERNAL_ERROR', [`Missing field in record of ${cls.name}: ${field.name}`])
  }
  return fields
}

function wrongType(name: string, type: WireType, value: unknown): XapiError {
  const got = value === null ? 'nil' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
  return new XapiError('INTERNAL_ERROR', [`Parameter ${name}: expected ${type.kind}, got ${got}`])
}
