import { compareNatural, type Host, type Pool, type Storage, type Vm } from '@nixen/api'

/** By what the tree groups VMs below their pool. */
export const treeGroupings = ['host', 'tag', 'storage', 'pool'] as const
export type TreeGrouping = (typeof treeGroupings)[number]

/** A line of the tree. */
export interface TreeRow {
  /** Its place in the tree: the same while the tree changes. */
  readonly key: string
  /** The object, where it has a page. */
  readonly id?: string | undefined
  readonly kind: 'pool' | 'host' | 'storage' | 'tag' | 'none' | 'vm'
  readonly label: string
  readonly level: number
  /** Of branches: how many VMs, and whether they are shown. */
  readonly count?: number
  readonly isOpen?: boolean
  readonly running?: boolean
  readonly position: number
  readonly size: number
}

export interface TreeInput {
  readonly pools: readonly Pool[]
  readonly hosts: readonly Host[]
  readonly storages: readonly Storage[]
  readonly vms: readonly Vm[]
  readonly disks: ReadonlyMap<string, string>
  readonly grouping: TreeGrouping
  readonly open: ReadonlySet<string>
  readonly words: { readonly none: string; readonly noName: string }
}

interface Group {
  readonly key: string
  readonly id?: string
  readonly kind: TreeRow['kind']
  readonly label: string
  readonly vms: readonly Vm[]
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => compareNatural(a.name, b.name)

/** The lines of the tree that are to be seen: branches, and what is in the open ones. */
export function treeRows(input: TreeInput): readonly TreeRow[] {
  const { pools, vms, grouping, open } = input
  const rows: TreeRow[] = []
  const ofPool = Map.groupBy(vms, ({ pool }) => pool)
  for (const [index, pool] of pools.toSorted(byName).entries()) {
    const own = ofPool.get(pool.id) ?? []
    const isOpen = open.has(pool.id)
    rows.push({
      key: pool.id,
      id: pool.id,
      kind: 'pool',
      label: pool.name,
      level: 1,
      count: own.length,
      isOpen,
      position: index + 1,
      size: pools.length,
    })
    if (!isOpen) continue
    if (grouping === 'pool') {
      addVms(rows, own, { prefix: pool.id, level: 2, noName: input.words.noName })
      continue
    }
    const groups = groupsOf(input, pool, own)
    for (const [place, { key, id, kind, label, vms: inside }] of groups.entries()) {
      const isGroupOpen = open.has(key)
      const row = {
        key,
        kind,
        label,
        level: 2,
        count: inside.length,
        isOpen: isGroupOpen,
        position: place + 1,
        size: groups.length,
      }
      rows.push(id === undefined ? row : { ...row, id })
      if (isGroupOpen) addVms(rows, inside, { prefix: key, level: 3, noName: input.words.noName })
    }
  }
  return rows
}

function addVms(
  rows: TreeRow[],
  vms: readonly Vm[],
  { prefix, level, noName }: { readonly prefix: string; readonly level: number; readonly noName: string },
): void {
  for (const [index, { id, name, power }] of vms.toSorted(byName).entries())
    rows.push({
      key: `${prefix}/${id}`,
      id,
      kind: 'vm',
      label: name || noName,
      level,
      running: power === 'running',
      position: index + 1,
      size: vms.length,
    })
}

function groupsOf(
  { hosts, storages, disks, grouping, words }: TreeInput,
  pool: Pool,
  vms: readonly Vm[],
): readonly Group[] {
  const keyed = (name: string): string => `${pool.id}/${grouping}/${name}`
  const rest = (left: readonly Vm[]): readonly Group[] =>
    left.length === 0 ? [] : [{ key: keyed(''), kind: 'none', label: words.none, vms: left }]
  if (grouping === 'host') {
    const of = Map.groupBy(vms, ({ host }) => host)
    const own = hosts.filter((host) => host.pool === pool.id).toSorted(byName)
    return [
      ...own.map(({ id, name }) => ({ key: keyed(id), id, kind: 'host' as const, label: name, vms: of.get(id) ?? [] })),
      ...rest(of.get(undefined) ?? []),
    ]
  }
  if (grouping === 'storage') {
    const of = collect(vms, (vm) =>
      vm.drives.flatMap(({ disk }) => (disk === undefined ? [] : (disks.get(disk) ?? []))),
    )
    const own = storages.filter((storage) => storage.pool === pool.id && of.has(storage.id)).toSorted(byName)
    return [
      ...own.map(({ id, name }) => ({
        key: keyed(id),
        id,
        kind: 'storage' as const,
        label: name,
        vms: of.get(id) ?? [],
      })),
      ...rest(of.get('') ?? []),
    ]
  }
  const of = collect(vms, ({ tags }) => tags)
  const tags = [...of.keys()].filter(Boolean).toSorted(compareNatural)
  return [
    ...tags.map((tag) => ({ key: keyed(tag), kind: 'tag' as const, label: tag, vms: of.get(tag) ?? [] })),
    ...rest(of.get('') ?? []),
  ]
}

/** VMs by each of their keys; those without below ''. */
function collect(vms: readonly Vm[], keysOf: (vm: Vm) => readonly string[]): ReadonlyMap<string, readonly Vm[]> {
  const groups = new Map<string, Vm[]>()
  for (const vm of vms) {
    const keys = new Set(keysOf(vm))
    for (const key of keys.size === 0 ? [''] : keys) {
      const group = groups.get(key)
      if (group) group.push(vm)
      else groups.set(key, [vm])
    }
  }
  return groups
}
