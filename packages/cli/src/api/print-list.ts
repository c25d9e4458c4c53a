import { elementOf, type Client } from '@nixen/api'
import { z } from 'zod'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { counted } from '../output/count.ts'
import { formatTable, tableWidth } from '../output/table.ts'
import type { Item } from './call.ts'
import { cellText, isNumeric, type NameOf } from './cells.ts'
import { namesBehind } from './references.ts'
import { shapeOf } from './shape.ts'
import { inside } from './values.ts'

/** A field of the items of a list that is shown. */
export interface ListColumn {
  /** With dots for a field in a field. */
  readonly path: string
  readonly schema: z.ZodType
}

/** The columns of a table: those that are asked for, or all fields of the items. Error: `cli.bad_column`. */
export function chooseColumns(item: z.ZodType, wanted?: readonly string[]): readonly ListColumn[] {
  const all = Object.keys(shapeOf(item))
  return (wanted ?? all).map((path) => {
    const schema = fieldAt(item, path.split('.'))
    if (!schema) throw cliErrors.bad_column({ column: path, known: all })
    return { path, schema }
  })
}

function fieldAt(schema: z.ZodType, [name, ...rest]: readonly string[]): z.ZodType | undefined {
  if (name === undefined) return schema
  const inner = inside(schema)
  const field = shapeOf(inner instanceof z.ZodArray ? elementOf(inner) : inner)[name]
  return field && fieldAt(field, rest)
}

/** What {@link tableText} shows. */
export interface ListTable {
  readonly listed: unknown
  readonly columns: readonly ListColumn[]
  /** The user has said which columns: all of them are shown. */
  readonly isChosen: boolean
}

/** A list as a table for people: fitted to a terminal, whole elsewhere. */
export async function tableText(
  context: NixenContext,
  client: Client,
  { listed, columns, isChosen }: ListTable,
): Promise<string> {
  // `answerOf` says that it is a list.
  const { items, total = items.length } = listed as { readonly items: readonly Item[]; readonly total?: number }
  const referring = columns.filter(({ path }) => path !== 'id')
  const nameOf = await namesBehind(
    context,
    client,
    items.flatMap((item) => referring.map(({ path, schema }) => ({ schema, value: valueAt(item, path) }))),
  )
  const { stdout, stderr } = context.process
  const width = stdout.isTTY === true ? (stdout.columns ?? 80) : Infinity
  const shown = columns.map((column) => tableColumn(column, nameOf))
  // Names say enough to go on with: the long ids are left out before names would be cut.
  const withoutIds = shown.filter((_, index) => isChosen || columns[index]?.path !== 'id')
  const text = formatTable(items, tableWidth(items, shown) <= width ? shown : withoutIds, width)
  if (items.length < total) stderr.write(`${items.length} of ${counted(total, 'object')}; --limit says how many.\n`)
  return text
}

function tableColumn({ path, schema }: ListColumn, nameOf: NameOf) {
  const isId = path === 'id'
  return {
    title: path
      .replaceAll(/([A-Z])/g, ' $1')
      .replaceAll('.', ' ')
      .toUpperCase(),
    text: (item: Item) => cellText(schema, valueAt(item, path), isId ? () => undefined : nameOf),
    align: isNumeric(schema) ? ('right' as const) : ('left' as const),
    // An id or a name that was cut is of no use.
    cuttable: !isId && path !== 'name',
  }
}

/** The value at a path; those of all items where a list is on the way. */
export function valueAt(value: unknown, path: string): unknown {
  let at = value
  for (const name of path.split('.')) at = Array.isArray(at) ? at.map((item) => fieldOf(item, name)) : fieldOf(at, name)
  return at
}

function fieldOf(value: unknown, name: string): unknown {
  // An object of a JSON answer.
  return typeof value === 'object' && value !== null ? (value as Item)[name] : undefined
}
