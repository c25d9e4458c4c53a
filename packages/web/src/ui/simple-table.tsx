import type { ReactNode } from 'react'

export interface SimpleTableProps {
  readonly label: string
  readonly heads: readonly string[]
  readonly rows: readonly { readonly id: string; readonly cells: readonly ReactNode[] }[]
  /** What stands there when there are no rows. */
  readonly none: string
}

/** A table of few rows. Long ones are grids. */
export function SimpleTable({ label, heads, rows, none }: SimpleTableProps): ReactNode {
  if (rows.length === 0) return <p className="text-muted">{none}</p>
  return (
    <div className="-m-1 overflow-x-auto p-1" tabIndex={0} role="region" aria-label={label}>
      <table className="w-full border-collapse text-left">
        <thead>
          <tr>
            {heads.map((head) => (
              <th
                key={head}
                scope="col"
                className="text-muted border-line border-b py-1.5 pr-4 text-xs font-semibold whitespace-nowrap"
              >
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ id, cells }) => (
            <tr key={id} className="border-line border-b last:border-b-0">
              {cells.map((cell, index) => (
                // Cells have the place of their head.
                // oxlint-disable-next-line react/no-array-index-key
                <td key={heads[index]} className="py-2 pr-4 align-top">
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
