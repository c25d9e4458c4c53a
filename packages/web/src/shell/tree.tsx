import { useNavigate } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { Boxes, ChevronDown, ChevronRight, HardDrive, Monitor, Server, Tag, type LucideIcon } from 'lucide-react'
import { useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import { formatCount } from '../format/format.ts'
import { common } from '../i18n/common.ts'
import { shell as t } from '../i18n/shell.ts'
import { useAll } from '../live/live.ts'
import { cx } from '../ui/class-names.ts'
import { treeGroupings, treeRows, type TreeGrouping, type TreeRow } from './tree-rows.ts'

const rowHeight = 28
const key = 'nixen.tree'
const icons: Readonly<Record<TreeRow['kind'], LucideIcon>> = {
  pool: Boxes,
  host: Server,
  storage: HardDrive,
  tag: Tag,
  none: Server,
  vm: Monitor,
}
const pages: Readonly<Partial<Record<TreeRow['kind'], string>>> = {
  pool: '/pools/$id',
  host: '/hosts/$id',
  storage: '/storages/$id',
  vm: '/vms/$id',
}

interface Kept {
  readonly grouping: TreeGrouping
  readonly open: readonly string[]
}

function kept(): Partial<Kept> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? '{}')
    if (typeof value !== 'object' || value === null) return {}
    const { grouping, open } = value as Readonly<Record<string, unknown>>
    const found = treeGroupings.find((one) => one === grouping)
    return {
      ...(found ? { grouping: found } : {}),
      ...(Array.isArray(open) ? { open: open.filter((one) => typeof one === 'string') } : {}),
    }
  } catch {
    // No storage here, or something else was put there.
    return {}
  }
}

function keep(state: Kept): void {
  try {
    localStorage.setItem(key, JSON.stringify({ ...state, open: state.open.slice(-200) }))
  } catch {
    // Without storage it begins closed again.
  }
}

/** The infrastructure as a tree (WAI-ARIA tree): only the lines that are seen are drawn, however many there are. */
export function Tree({ onChosen }: { readonly onChosen?: () => void }): ReactNode {
  const pools = useAll('pool')
  const [grouping, setGrouping] = useState<TreeGrouping>(() => kept().grouping ?? 'host')
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(kept().open ?? pools.map(({ id }) => id)))
  const rows = useRows(grouping, open)
  const scroller = useRef<HTMLDivElement>(null)
  const [current, setCurrent] = useState<string>()
  const navigate = useNavigate()
  const lines = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    getItemKey: (index) => rows[index]?.key ?? index,
  })
  const at = Math.max(
    0,
    rows.findIndex((row) => row.key === current),
  )
  const change = (next: ReadonlySet<string>): void => {
    setOpen(next)
    keep({ grouping, open: [...next] })
  }
  const toggle = (row: TreeRow, wanted = !row.isOpen): void => {
    if (row.isOpen === undefined || row.isOpen === wanted) return
    const next = new Set(open)
    if (wanted) next.add(row.key)
    else next.delete(row.key)
    change(next)
  }
  const go = (index: number): void => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))]
    if (!row) return
    setCurrent(row.key)
    lines.scrollToIndex(rows.indexOf(row))
  }
  const visit = (row: TreeRow): void => {
    const to = pages[row.kind]
    if (to !== undefined && row.id !== undefined) {
      onChosen?.()
      void navigate({ to, params: { id: row.id } })
    } else toggle(row)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const row = rows[at]
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'ArrowDown') go(at + 1)
    else if (event.key === 'ArrowUp') go(at - 1)
    else if (event.key === 'Home') go(0)
    else if (event.key === 'End') go(rows.length - 1)
    else if (event.key === 'ArrowRight') {
      if (row.isOpen === true) go(at + 1)
      else toggle(row, true)
    } else if (event.key === 'ArrowLeft') {
      if (row.isOpen === true) toggle(row, false)
      else go(rows.findLastIndex((other, index) => index < at && other.level < row.level))
    } else if (event.key === 'Enter' || event.key === ' ') visit(row)
    else if (event.key.length === 1) {
      const letter = event.key.toLowerCase()
      const begins = (other: TreeRow): boolean => other.label.toLowerCase().startsWith(letter)
      const next = rows.findIndex((other, index) => index > at && begins(other))
      if (next >= 0) go(next)
    } else return
    event.preventDefault()
  }
  const shown = lines.getVirtualItems()
  return (
    <div className="flex h-full min-h-0 flex-col">
      <label className="text-muted border-line flex items-center gap-2 border-b px-3 py-1.5 text-xs">
        {t.treeBy}
        <select
          value={grouping}
          onChange={({ target }) => {
            const next = treeGroupings.find((one) => one === target.value) ?? 'host'
            setGrouping(next)
            keep({ grouping: next, open: [...open] })
          }}
          className="border-line bg-panel text-ink min-h-7 flex-1 rounded border px-1"
        >
          {treeGroupings.map((one) => (
            <option key={one} value={one}>
              {t.treeGroups[one]}
            </option>
          ))}
        </select>
      </label>
      <div
        ref={scroller}
        role="tree"
        aria-label={t.tree}
        tabIndex={0}
        aria-activedescendant={shown.some(({ index }) => index === at) ? `tree-${at}` : undefined}
        onKeyDown={onKeyDown}
        className="group min-h-0 flex-1 overflow-auto outline-none"
      >
        <div role="presentation" className="relative" style={{ height: lines.getTotalSize() }}>
          {shown.map(({ index, start, key: place }) => {
            const row = rows[index]
            if (!row) return null
            return (
              <Line
                key={place}
                row={row}
                id={`tree-${index}`}
                top={start}
                isCurrent={index === at}
                onVisit={() => {
                  setCurrent(row.key)
                  visit(row)
                }}
                onToggle={() => {
                  setCurrent(row.key)
                  toggle(row)
                }}
              />
            )
          })}
        </div>
      </div>
    </div>
  )
}

function useRows(grouping: TreeGrouping, open: ReadonlySet<string>): readonly TreeRow[] {
  const [pools, hosts, storages, vms, disks] = [
    useAll('pool'),
    useAll('host'),
    useAll('storage'),
    useAll('vm'),
    useAll('disk'),
  ]
  const storageOf = useMemo(
    () => new Map<string, string>(grouping === 'storage' ? disks.map(({ id, storage }) => [id, storage]) : []),
    [grouping, disks],
  )
  return useMemo(
    () =>
      treeRows({
        pools,
        hosts,
        storages,
        vms,
        disks: storageOf,
        grouping,
        open,
        words: {
          none: grouping === 'host' ? t.withoutHost : grouping === 'tag' ? t.withoutTag : common.none,
          noName: common.noName,
        },
      }),
    [pools, hosts, storages, vms, storageOf, grouping, open],
  )
}

function Line({
  row: { kind, label, level, count, isOpen, running, position, size },
  id,
  top,
  isCurrent,
  onVisit,
  onToggle,
}: {
  readonly row: TreeRow
  readonly id: string
  readonly top: number
  readonly isCurrent: boolean
  readonly onVisit: () => void
  readonly onToggle: () => void
}): ReactNode {
  const Icon = icons[kind]
  const Chevron = isOpen === true ? ChevronDown : ChevronRight
  return (
    // The tree takes the keys: it has the focus, this line is its active descendant.
    <div
      role="treeitem"
      id={id}
      aria-level={level}
      aria-posinset={position}
      aria-setsize={size}
      aria-expanded={isOpen}
      aria-selected={isCurrent}
      onClick={onVisit}
      className={cx(
        'hover:bg-hover absolute inset-x-0 flex cursor-default items-center gap-1.5 pr-2',
        isCurrent &&
          'group-focus-visible:outline-accent group-focus-visible:outline-2 group-focus-visible:-outline-offset-2',
      )}
      style={{ top, height: rowHeight, paddingLeft: level * 14 - 8 }}
    >
      <span
        aria-hidden
        onClick={(event) => {
          event.stopPropagation()
          onToggle()
        }}
        className="text-muted flex size-6 shrink-0 items-center justify-center"
      >
        {isOpen !== undefined && <Chevron size={15} />}
      </span>
      <Icon size={15} aria-hidden className={cx('shrink-0', running === true ? 'text-good' : 'text-muted')} />
      <span className="min-w-0 flex-1 truncate" title={label}>
        {label}
      </span>
      {count !== undefined && <span className="text-muted text-xs">{formatCount(count)}</span>}
    </div>
  )
}
