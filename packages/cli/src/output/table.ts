import { cut, widthOf } from './plain.ts'

/** A column: its title and the text of a row in it. */
export interface Column<Row> {
  readonly title: string
  readonly text: (row: Row) => string
  readonly align?: 'left' | 'right'
  /** May be cut to make the table fit the terminal. */
  readonly cuttable?: boolean
}

/** No column is cut below this width. */
const narrowest = 12

/** Rows as aligned text, with a line of titles, fit into `width` columns as far as that goes. No border, so that it can be cut and searched. */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width = Infinity): string {
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ text }) => text(row)))]
  const wanted = widthsOf(lines, columns.length)
  const widths = fit(wanted, columns, width)
  return lines
    .map((cells) =>
      cells
        .map((cell, index) => {
          const room = widths[index] ?? 0
          const text = cut(cell, room)
          const blanks = ' '.repeat(room - widthOf(text))
          return columns[index]?.align === 'right' ? blanks + text : text + blanks
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** How many columns of a terminal a table takes that is not cut. */
export function tableWidth<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): number {
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ text }) => text(row)))]
  return widthsOf(lines, columns.length).reduce((sum, room) => sum + room, 2 * (columns.length - 1))
}

function widthsOf(lines: readonly (readonly string[])[], count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) =>
    lines.reduce((most, cells) => Math.max(most, widthOf(cells[index] ?? '')), 0),
  )
}

/** Takes from the widest column that may be cut until all fit. */
function fit<Row>(wanted: readonly number[], columns: readonly Column<Row>[], width: number): readonly number[] {
  const widths = [...wanted]
  let excess = widths.reduce((sum, room) => sum + room, 2 * (widths.length - 1)) - width
  while (excess > 0) {
    const [widest] = widths
      .map((room, index) => ({ room, index }))
      .filter(({ room, index }) => columns[index]?.cuttable === true && room > narrowest)
      .toSorted((a, b) => b.room - a.room)
    if (!widest) break
    widths[widest.index] = widest.room - 1
    excess--
  }
  return widths
}

/** `name: value` lines, the values aligned. Absent values are left out. */
export function formatFields(fields: readonly (readonly [name: string, value: string | undefined])[]): string {
  const present = fields.filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...present.map(([name]) => name.length))
  return present.map(([name, value]) => `${`${name}:`.padEnd(width + 1)} ${value}`).join('\n')
}
