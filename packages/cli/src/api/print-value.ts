import { elementOf, type Client } from '@nixen/api'
import { z } from 'zod'
import type { NixenContext } from '../context.ts'
import { formatFields, formatTable } from '../output/table.ts'
import { plain } from '../output/plain.ts'
import type { Item } from './call.ts'
import { cellText, isNumeric, isScalar, type NameOf } from './cells.ts'
import { namesBehind, type Referring } from './references.ts'
import { shapeOf } from './shape.ts'
import { inside } from './values.ts'

/** A field of an answer that has its own line, or its own table. */
interface Part extends Referring {
  /** With dots for a field in a field. */
  readonly path: string
}

/** One object of an answer for people: a line for each field, then a table for each list of objects. */
export async function valueText(context: NixenContext, client: Client, { schema, value }: Referring): Promise<string> {
  if (isScalar(value) || Array.isArray(value)) return plain(JSON.stringify(value))
  const page = pageIn(value)
  if (page !== undefined) return page.trimEnd().split('\n').map(plain).join('\n')
  const parts = [...partsOf(schema, value, '')]
  const nested = parts.flatMap((part) => (isTable(part) ? cellsOf(part) : part))
  const nameOf = await namesBehind(
    context,
    client,
    nested.filter(({ path }) => path !== 'id' && !path.endsWith('.id')),
  )
  const lines = parts.filter((part) => !isTable(part))
  const tables = parts.filter(isTable)
  return [
    formatFields(lines.map((part) => [titleOf(part.path), lineText(part, nameOf)])),
    ...tables.map((part) => `${titleOf(part.path)}:\n${indent(partTable(part, nameOf))}`),
  ]
    .filter((text) => text !== '')
    .join('\n')
}

/** An answer that is nothing but a text of several lines, such as a recovery sheet: it is printed as it stands. */
function pageIn(value: unknown): string | undefined {
  // An object of a JSON answer.
  const [only, ...others] = Object.values(value as Item)
  return others.length === 0 && typeof only === 'string' && only.includes('\n') ? only : undefined
}

function* partsOf(schema: z.ZodType | undefined, value: unknown, prefix: string): Generator<Part> {
  const shape = schema ? shapeOf(schema) : {}
  // An object of a JSON answer.
  const entries = Object.entries(value as Item)
  // In the order in which the contract describes them.
  const order = Object.keys(shape)
  const place = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length)
  for (const [name, item] of entries.toSorted(([a], [b]) => place(a) - place(b))) {
    if (item === undefined || item === null) continue
    // The provider's own record, hundreds of lines, within something else is for programs: it is in `--json`.
    if (name === 'native' && prefix !== '') continue
    const part = { path: prefix + name, schema: shape[name], value: item }
    if (isScalar(item) || Array.isArray(item)) yield part
    else yield* partsOf(shape[name], item, `${prefix}${name}.`)
  }
}

function isTable({ value }: Part): boolean {
  return Array.isArray(value) && value.length > 0 && !value.every(isScalar)
}

function rowsOf({ value }: Part): readonly Item[] {
  // `isTable` says that it is a list of objects.
  return value as readonly Item[]
}

function rowSchema({ schema }: Part): z.ZodType | undefined {
  const inner = schema && inside(schema)
  return inner instanceof z.ZodArray ? elementOf(inner) : undefined
}

function columnsOf(part: Part): readonly (readonly [name: string, schema: z.ZodType | undefined])[] {
  const shape = shapeOf(rowSchema(part) ?? z.object({}))
  const present = new Set(rowsOf(part).flatMap((row) => Object.keys(row)))
  return [...new Set([...Object.keys(shape), ...present])]
    .filter((name) => present.has(name))
    .map((name) => [name, shape[name]])
}

function cellsOf(part: Part): readonly Part[] {
  return rowsOf(part).flatMap((row) =>
    columnsOf(part).map(([name, schema]) => ({ path: `${part.path}.${name}`, schema, value: row[name] })),
  )
}

function partTable(part: Part, nameOf: NameOf): string {
  return formatTable(
    rowsOf(part),
    columnsOf(part).map(([name, schema]) => ({
      title: titleOf(name).toUpperCase(),
      text: (row) => seriesText(row[name]) ?? cellText(schema, row[name], nameOf),
      align: isNumeric(schema) ? 'right' : 'left',
    })),
  )
}

function lineText({ path, schema, value }: Part, nameOf: NameOf): string {
  const isId = path === 'id'
  return seriesText(value) ?? cellText(schema, value, isId ? () => undefined : nameOf)
}

/** A long list of numbers in one line. */
function seriesText(value: unknown): string | undefined {
  if (!Array.isArray(value) || value.length < 8) return undefined
  const numbers = value.filter((item) => typeof item === 'number')
  if (numbers.length === 0 || value.some((item) => typeof item !== 'number' && item !== null)) return undefined
  const short = (number: number): string => String(Number(number.toPrecision(4)))
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length
  const least = numbers.reduce((a, b) => Math.min(a, b))
  const most = numbers.reduce((a, b) => Math.max(a, b))
  return `last ${short(numbers.at(-1) ?? 0)}, mean ${short(mean)}, ${short(least)} to ${short(most)} (${numbers.length} values)`
}

function titleOf(path: string): string {
  return path
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll('.', ' ')
    .toLowerCase()
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}
