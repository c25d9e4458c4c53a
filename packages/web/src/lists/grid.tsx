import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowDown, ArrowUp } from 'lucide-react'
import { memo, useCallback, useRef, useState, type KeyboardEvent, type MouseEvent, type ReactNode } from 'react'
import { cx } from '../ui/class-names.ts'
import type { Column } from './column.ts'
import { extend, toggle } from './selection.ts'
import { nextSort } from './rows.ts'
import { lists } from '../i18n/lists.ts'
import { preferences, rowHeights } from '../shell/preferences.ts'

/** Height of a row, in pixels. */
const rowHeight = rowHeights[preferences.density]

export interface GridProps<T> {
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly items: readonly T[]
  readonly sort: string
  readonly onSort: (sort: string) => void
  /** Opens an object; rows of a grid without it only show. */
  readonly onOpen?: ((object: T) => void) | undefined
  /** Rows can be selected when it is there. */
  readonly selection?: GridSelection | undefined
}

export interface GridSelection {
  readonly selected: ReadonlySet<string>
  readonly onChange: (selected: ReadonlySet<string>) => void
}

/**
 * A grid that renders only the rows that are seen. Arrows, Home, End and pages move, Enter opens, Space selects, with Shift from the last one on; the focus stays
 * on its object when rows come and go.
 */
export function Grid<T extends { readonly id: string; readonly name: string }>(props: GridProps<T>): ReactNode {
  const { label, columns, items, onOpen, selection } = props
  const scroller = useRef<HTMLDivElement>(null)
  const [current, setCurrent] = useState<string>()
  const anchor = useRef<string>(undefined)
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 6,
    getItemKey: (index) => items[index]?.id ?? index,
  })
  const shown = rows.getVirtualItems()
  const at = current === undefined ? -1 : items.findIndex(({ id }) => id === current)
  const isShown = shown.some(({ index }) => index === at)
  const template = [...(selection ? ['2.25rem'] : []), ...columns.map(({ width }) => width)].join(' ')

  const go = (index: number, select: boolean): void => {
    const item = items[Math.max(0, Math.min(items.length - 1, index))]
    if (!item) return
    setCurrent(item.id)
    rows.scrollToIndex(items.indexOf(item))
    if (select && selection) choose(item.id, true)
  }
  const choose = (id: string, through: boolean): void => {
    if (!selection) return
    const { selected, onChange } = selection
    const from = anchor.current
    if (through && from !== undefined)
      onChange(
        extend(
          selected,
          items.map((item) => item.id),
          { from, to: id },
        ),
      )
    else onChange(toggle(selected, id))
    anchor.current = id
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const item = items[at]
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 2)
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at < 0 ? 0 : at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: items.length - 1,
    }
    const to = moves[event.key]
    if (to !== undefined) go(to, event.shiftKey)
    else if (event.key === 'Enter' && item && onOpen) onOpen(item)
    else if (event.key === ' ' && item && selection) choose(item.id, event.shiftKey)
    else if (event.key === 'a' && (event.ctrlKey || event.metaKey) && selection)
      selection.onChange(new Set(items.map(({ id }) => id)))
    else return
    event.preventDefault()
  }
  const onRowClick = (event: MouseEvent, item: T): void => {
    setCurrent(item.id)
    // A link inside of the row does what links do.
    if (event.target instanceof Element && event.target.closest('a, button')) return
    if (event.shiftKey || event.ctrlKey || event.metaKey || (event.target as Element).closest('[data-select]'))
      choose(item.id, event.shiftKey)
    else if (onOpen && String(getSelection()) === '') onOpen(item)
  }

  // Rows keep the one that they have: scrolling renders only those that come into sight.
  const newest = useRef(onRowClick)
  newest.current = onRowClick
  const onClick = useCallback((event: MouseEvent, item: T) => newest.current(event, item), [])

  return (
    <div
      ref={scroller}
      role="grid"
      aria-label={label}
      aria-rowcount={items.length + 1}
      aria-colcount={columns.length + (selection ? 1 : 0)}
      aria-multiselectable={selection ? true : undefined}
      aria-activedescendant={isShown ? rowId(items[at]?.id) : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onFocus={() => current === undefined && setCurrent(items[0]?.id)}
      className="group bg-panel border-line @container min-h-0 flex-1 overflow-auto rounded-lg border focus-visible:outline-offset-0"
    >
      <div className="min-w-fit">
        <Head {...props} template={template} />
        <div role="rowgroup" className="relative" style={{ height: rows.getTotalSize() }}>
          {shown.map(({ index, start, key }) => {
            const item = items[index]
            if (!item) return null
            return (
              <Row
                key={key}
                item={item}
                index={index}
                top={start}
                columns={columns}
                template={template}
                isCurrent={index === at}
                isSelected={selection?.selected.has(item.id)}
                onClick={onClick}
              />
            )
          })}
        </div>
      </div>
    </div>
  )
}

function rowId(id: string | undefined): string | undefined {
  return id === undefined ? undefined : `row-${id}`
}

interface HeadProps<T> extends GridProps<T> {
  readonly template: string
}

function Head<T extends { readonly id: string }>(props: HeadProps<T>): ReactNode {
  const { columns, items, sort, onSort, selection, template } = props
  return (
    <div role="rowgroup" className="sticky top-0 z-10">
      <div
        role="row"
        aria-rowindex={1}
        className="bg-panel border-line grid border-b text-xs"
        style={{ gridTemplateColumns: template }}
      >
        {selection && <SelectAll items={items} selection={selection} />}
        {columns.map(({ id, title, sort: field, align }) => (
          <div
            key={id}
            role="columnheader"
            aria-sort={sort === field ? 'ascending' : sort === `-${field}` ? 'descending' : undefined}
            className={cx('text-muted flex h-9 items-center px-3 font-semibold', align === 'end' && 'justify-end')}
          >
            {field === undefined ? (
              title
            ) : (
              <button
                type="button"
                tabIndex={-1}
                onClick={() => onSort(nextSort(sort, field))}
                className="hover:text-ink flex min-h-6 items-center gap-1"
              >
                {title}
                {sort === field && <ArrowUp size={13} aria-hidden />}
                {sort === `-${field}` && <ArrowDown size={13} aria-hidden />}
              </button>
            )}
          </div>
        ))}
      </div>
    </div>
  )
}

function SelectAll({
  items,
  selection: { selected, onChange },
}: {
  readonly items: readonly { readonly id: string }[]
  readonly selection: GridSelection
}): ReactNode {
  const count = items.reduce((sum, { id }) => sum + (selected.has(id) ? 1 : 0), 0)
  const all = count > 0 && count === items.length
  return (
    <div role="columnheader" className="flex items-center justify-center">
      <input
        type="checkbox"
        tabIndex={-1}
        aria-label={lists.selectAll}
        className="accent-solid size-4"
        checked={all}
        ref={(element) => {
          if (element) element.indeterminate = count > 0 && !all
        }}
        onChange={() => onChange(all ? new Set() : new Set(items.map(({ id }) => id)))}
      />
    </div>
  )
}

interface RowProps<T> {
  readonly item: T
  readonly index: number
  readonly top: number
  readonly columns: readonly Column<T>[]
  readonly template: string
  readonly isCurrent: boolean
  readonly isSelected: boolean | undefined
  readonly onClick: (event: MouseEvent, item: T) => void
}

function PlainRow<T extends { readonly id: string; readonly name: string }>(props: RowProps<T>): ReactNode {
  const { item, index, top, columns, template, isCurrent, isSelected, onClick } = props
  return (
    // The grid takes the keys: it has the focus, this row is its active descendant.
    <div
      role="row"
      id={rowId(item.id)}
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      onClick={(event) => onClick(event, item)}
      className={cx(
        'border-line absolute inset-x-0 grid cursor-default items-center border-b',
        isSelected === true ? 'bg-chosen' : 'hover:bg-hover',
        isCurrent &&
          'group-focus-visible:outline-accent group-focus-visible:outline-2 group-focus-visible:-outline-offset-2',
      )}
      style={{ gridTemplateColumns: template, height: rowHeight, top }}
    >
      {isSelected !== undefined && (
        <div role="gridcell" data-select className="flex h-full items-center justify-center">
          <input
            type="checkbox"
            tabIndex={-1}
            checked={isSelected}
            readOnly
            aria-label={lists.select({ name: item.name })}
            className="accent-solid size-4"
          />
        </div>
      )}
      {columns.map(({ id, cell, align }) => (
        <div key={id} role="gridcell" className={cx('min-w-0 truncate px-3', align === 'end' && 'text-right')}>
          {cell(item)}
        </div>
      ))}
    </div>
  )
}

/** A row is rendered again only when its object or its place has changed; which handler hears its clicks does not count. */
const Row = memo(PlainRow, (a, b) => {
  const same: readonly (keyof RowProps<unknown>)[] = [
    'item',
    'index',
    'top',
    'columns',
    'template',
    'isCurrent',
    'isSelected',
    'onClick',
  ]
  return same.every((name) => Object.is(a[name], b[name]))
}) as typeof PlainRow
