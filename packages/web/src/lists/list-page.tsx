import type { QueryType } from '@nixen/api'
import type { InventoryType } from '@nixen/api'
import { Columns3, Download, ListFilter } from 'lucide-react'
import { lazy, Suspense, useDeferredValue, useMemo, useRef, useState, type ReactNode } from 'react'
import { formatCount } from '../format/format.ts'
import { useNow } from '../format/clock.ts'
import { inventory, liveStatus } from '../live/live.ts'
import { Menu } from '../ui/menu.tsx'
import { Empty, Page } from '../ui/page.tsx'
import { Button } from '../ui/button.tsx'
import { useMedia } from '../ui/use-media.ts'
import { useValue } from '../value.ts'
import { chooseColumns, chosenColumns, type Column } from './column.ts'
import type { Facet } from './facets-panel.tsx'
import { exportRows } from './export-rows.ts'
import { Grid } from './grid.tsx'
import { useListAddress } from './list-address.ts'
import { QueryBar } from './query-bar.tsx'
import { RowMaker } from './rows.ts'
import { within } from './selection.ts'
import { common } from '../i18n/common.ts'
import { lists } from '../i18n/lists.ts'

const FacetsPanel = lazy(async () => ({ default: (await import('./facets-panel.tsx')).FacetsPanel }))
const ViewsMenu = lazy(async () => ({ default: (await import('./views-menu.tsx')).ViewsMenu }))

export interface ListPageProps<T> {
  /** What the query is over. */
  readonly type: QueryType
  readonly title: string
  readonly objects: readonly T[]
  readonly columns: readonly Column<T>[]
  readonly defaultSort?: string
  readonly onOpen?: (object: T) => void
  readonly actions?: ReactNode
  /** What stands there when there is nothing at all. */
  readonly empty: ReactNode
  /** Whether the objects are still on their way; as the inventory stands when left out. */
  readonly isLoading?: boolean
  /** What it can be narrowed by. */
  readonly facets?: readonly Facet[]
  /** Views of it can be saved, under this type. */
  readonly views?: InventoryType
  /** What can be done with the rows that are selected; rows can be selected when it is there. */
  readonly bulk?: (selected: readonly T[], clear: () => void) => ReactNode
}

/** A list: query, order and columns; the first two are in the address. */
export function ListPage<T extends { readonly id: string; readonly name: string }>(props: ListPageProps<T>): ReactNode {
  const { type, title, objects, columns, onOpen, actions, empty, bulk, defaultSort = 'name' } = props
  const { q, setQ, sort, setSort } = useListAddress(defaultSort)
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const now = useNow(30_000)
  const maker = useRef<RowMaker<T>>(undefined)
  maker.current ??= new RowMaker<T>()
  const used = useDeferredValue(q)
  const rows = useMemo(
    () =>
      maker.current?.make({ type, objects, q: used, sort, context: { now, nameOf: inventory.nameOf } }) ?? {
        items: [],
        problem: undefined,
      },
    [type, objects, used, sort, now],
  )
  const { shown, menu, ids, choose } = useColumns(title, columns)
  const [isNarrowing, setNarrowing] = useState(keptNarrowing)
  const isLoading = (useValue(liveStatus).kind === 'loading' && objects.length === 0) || props.isLoading === true
  const chosen = within(selected, rows.items)
  const note =
    rows.items.length === objects.length
      ? formatCount(objects.length)
      : lists.of({ shown: rows.items.length, all: objects.length })
  return (
    <Page title={title} note={isLoading ? undefined : note} actions={actions} fill>
      {isLoading ? (
        <p role="status" className="text-muted">
          {common.loading}
        </p>
      ) : objects.length === 0 ? (
        empty
      ) : (
        <>
          <div className="flex flex-wrap items-start gap-2">
            <QueryBar
              type={type}
              text={q}
              onChange={setQ}
              problem={rows.problem}
              objects={objects}
              nameOf={inventory.nameOf}
            />
            {props.facets && (
              <Button
                className="min-h-9"
                aria-expanded={isNarrowing}
                icon={<ListFilter size={16} aria-hidden />}
                onClick={() => {
                  setNarrowing(!isNarrowing)
                  keepNarrowing(!isNarrowing)
                }}
              >
                {lists.facets}
              </Button>
            )}
            {props.views !== undefined && (
              <Suspense>
                <ViewsMenu
                  type={props.views}
                  view={{ q, sort, columns: ids }}
                  onTake={(view) => {
                    setQ(view.q, view.sort)
                    if (view.columns) choose(view.columns)
                  }}
                />
              </Suspense>
            )}
            {menu}
            <Menu
              label={lists.export}
              icon={<Download size={16} aria-hidden />}
              className="min-h-9 max-sm:hidden"
              entries={[
                { id: 'csv', label: lists.exportCsv, run: () => exportRows(title, rows.items, 'csv') },
                { id: 'json', label: lists.exportJson, run: () => exportRows(title, rows.items, 'json') },
              ]}
            />
          </div>
          {bulk && chosen.length > 0 && (
            <div role="toolbar" aria-label={lists.selectedRows} className="flex flex-wrap items-center gap-2">
              <span className="font-medium">{lists.selected({ n: chosen.length })}</span>
              {chosen.length < rows.items.length && (
                <Button look="quiet" onClick={() => setSelected(new Set(rows.items.map(({ id }) => id)))}>
                  {lists.selectMatching({ n: rows.items.length })}
                </Button>
              )}
              {bulk(chosen, () => setSelected(new Set()))}
            </div>
          )}
          <div className="flex min-h-0 flex-1 gap-3 max-md:flex-col">
            {props.facets && isNarrowing && (
              <Suspense>
                <FacetsPanel type={type} facets={props.facets} objects={rows.items} q={q} onChange={setQ} />
              </Suspense>
            )}
            <div className="flex min-h-0 min-w-0 flex-1 flex-col">
              {rows.items.length === 0 ? (
                <Empty
                  title={common.nothingMatches}
                  action={<Button onClick={() => setQ('')}>{common.clearFilter}</Button>}
                />
              ) : (
                <Grid
                  label={title}
                  columns={shown}
                  items={rows.items}
                  sort={sort}
                  onSort={setSort}
                  onOpen={onOpen}
                  selection={bulk ? { selected, onChange: setSelected } : undefined}
                />
              )}
            </div>
          </div>
        </>
      )}
    </Page>
  )
}

const narrowing = 'nixen.facets'

function keptNarrowing(): boolean {
  try {
    return localStorage.getItem(narrowing) === 'yes'
  } catch {
    // Storage may be switched off.
    return false
  }
}

function keepNarrowing(isOpen: boolean): void {
  try {
    localStorage.setItem(narrowing, isOpen ? 'yes' : 'no')
  } catch {
    // Without storage it lasts as long as the page.
  }
}

/** The columns that are shown, and the menu that chooses them. */
function useColumns<T>(list: string, columns: readonly Column<T>[]) {
  const [chosen, setChosen] = useState(() => chosenColumns(list))
  const isNarrow = useMedia('(max-width: 720px)')
  const ids = chosen ?? columns.filter(({ hidden }) => hidden !== true).map(({ id }) => id)
  const key = ids.join()
  const shown = useMemo(
    () => columns.filter(({ id, narrow }) => (isNarrow ? narrow === true : key.split(',').includes(id))),
    [columns, isNarrow, key],
  )
  const choose = (next: readonly string[]): void => {
    setChosen(next)
    chooseColumns(list, next)
  }
  const entries = columns.map(({ id, title }, index) => ({
    id,
    label: title,
    checked: ids.includes(id),
    reason: index === 0 ? lists.alwaysShown : undefined,
    run: () => choose(ids.includes(id) ? ids.filter((other) => other !== id) : [...ids, id]),
  }))
  const menu = isNarrow ? undefined : (
    <Menu entries={entries} label={lists.columns} icon={<Columns3 size={16} aria-hidden />} className="min-h-9">
      {lists.columns}
    </Menu>
  )
  return { shown, menu, ids, choose }
}
