import { elementOf, typeOfId, type ResourceId } from '@nixen/api'
import { formatBytes, formatDuration, isRecord } from '@nixen/core'
import { z } from 'zod'
import { formatDate } from '../output/date.ts'
import { plain } from '../output/plain.ts'
import { inside, referenceOf, unitOf } from './values.ts'

/** Names of objects by their ids. */
export type NameOf = (id: string) => string | undefined

/** A value for people, by what its schema says it is; `-` for one that is absent. */
export function cellText(schema: z.ZodType | undefined, value: unknown, nameOf: NameOf): string {
  if (value === undefined || value === null || value === '') return '-'
  const inner = schema && inside(schema)
  if (Array.isArray(value)) {
    const item = inner instanceof z.ZodArray ? elementOf(inner) : undefined
    if (value.length === 0) return '-'
    return value.every(isScalar) ? value.map((one) => cellText(item, one, nameOf)).join(', ') : String(value.length)
  }
  if (typeof value === 'number') return numberText(inner, value)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'string') return plain((isReference(inner) ? nameOf(value) : undefined) ?? value)
  return plain(gistOf(value) ?? JSON.stringify(value))
}

/** What an object in a cell comes down to: the sentence of an error, or how something stands. All of it is in `--json`. */
function gistOf(value: unknown): string | undefined {
  if (!isRecord(value)) return undefined
  const { message, state } = value
  if (typeof message === 'string') return message
  return typeof state === 'string' ? state : undefined
}

/** Whether a field names another object, by an id of a known or of any type. */
export function isReference(schema: z.ZodType | undefined): boolean {
  return schema !== undefined && (referenceOf(schema) !== undefined || inside(schema).meta()?.['format'] === 'id')
}

/** The type of the object that an id of a field names. */
export function typeOfReference(schema: z.ZodType, id: string): string {
  // A field without a type of its own has ids of resources, which say theirs.
  return referenceOf(schema) ?? typeOfId(id as ResourceId)
}

export function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null
}

function numberText(schema: z.ZodType | undefined, value: number): string {
  const unit = schema && unitOf(schema)
  switch (unit) {
    case 'bytes':
      return formatBytes(value)
    case 'time':
      return formatDate(value)
    case 'duration':
      return formatDuration(value)
    case 'fraction':
      return `${Math.round(value * 100)}%`
    case 'rate':
      return value >= 1e9 ? `${value / 1e9} Gbit/s` : `${value / 1e6} Mbit/s`
    case 'count':
    case undefined:
      return String(value)
  }
}

/** Whether a column of such values reads better on the right. */
export function isNumeric(schema: z.ZodType | undefined): boolean {
  return schema !== undefined && inside(schema) instanceof z.ZodNumber && unitOf(schema) !== 'time'
}
