import { Bitmap } from '../prune/bitmap.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { listSnapshots, type Snapshot } from '../snapshot/snapshot.ts'
import { loadTree } from '../tree/read-tree.ts'
import type { FileKind } from '../storage/storage.ts'

/** Figures of the restore points of one VM (or of another group). Sizes in bytes. */
export interface GroupStats {
  readonly group: string
  readonly points: number
  /** Epoch milliseconds of the oldest and the newest point. */
  readonly oldest: number
  readonly newest: number
  /** Size of the newest point when it is restored. */
  readonly restoreSize: number
  /** The same, of all points together. */
  readonly totalRestoreSize: number
  /** Different plain bytes behind all points of the group. */
  readonly uniqueSize: number
  /** What they take in packs. */
  readonly storedSize: number
  /** The part of it that no other group needs: what forgetting the whole group would free. */
  readonly exclusiveSize: number
}

/** Figures of a repository; plain data. Sizes in bytes. */
export interface RepositoryStats {
  readonly groups: readonly GroupStats[]
  readonly points: number
  readonly totalRestoreSize: number
  readonly uniqueSize: number
  /** Of the blobs that restore points need. */
  readonly storedSize: number
  /** Blobs that no restore point needs; a prune frees most of it. */
  readonly unusedSize: number
  /** How often a plain byte is needed on the average: total restore size by unique size. */
  readonly deduplication: number
  /** Unique size by stored size. */
  readonly compression: number
  /** Files and bytes in the storage, by kind. */
  readonly files: Readonly<
    Record<Exclude<FileKind, 'config' | 'note' | 'evidence'>, { readonly count: number; readonly size: number }>
  >
  readonly blobs: number
}

export interface StatsOptions extends SignalOption {
  /** Name of the group of a point; its host (the VM) when left out. */
  readonly groupBy?: (point: Snapshot) => string
  readonly progress?: (progress: { done: number; total: number }) => void
}

/** An entry of the index that several groups need. */
const shared = 0xffff

/** Reads all trees once a group, and no data. Takes no lock: figures of a repository that changes meanwhile are a little off. */
export async function repositoryStats(repository: Repository, options: StatsOptions = {}): Promise<RepositoryStats> {
  const { signal, groupBy = (point: Snapshot) => point.hostname } = options
  const points = await listSnapshots(repository, { signal })
  const index = await repository.loadIndex({ signal })
  const groups = Map.groupBy(points, groupBy)
  // Which group needs an entry: 0 none, number of the group, or several. Two bytes a blob.
  const owners = new Uint16Array(index.size)
  const sizes = new Map<string, number>()
  const partial: Omit<GroupStats, 'exclusiveSize'>[] = []
  let done = 0
  for (const [number, [group, members]] of [...groups].entries()) {
    const used = new Bitmap(index.size)
    const restoreSizes: number[] = []
    for (const { tree } of members) {
      restoreSizes.push(await measure(repository, tree, { used, sizes, signal }))
      options.progress?.({ done: ++done, total: points.length })
    }
    const { plain, stored } = claim(repository, { used, owners, owner: Math.min(number + 1, shared - 1) })
    partial.push({
      group,
      points: members.length,
      oldest: members[0]?.time ?? 0,
      newest: members.at(-1)?.time ?? 0,
      restoreSize: restoreSizes.at(-1) ?? 0,
      totalRestoreSize: restoreSizes.reduce((sum, size) => sum + size, 0),
      uniqueSize: plain,
      storedSize: stored,
    })
  }
  return {
    ...summary(repository, owners, partial),
    points: points.length,
    files: await countFiles(repository, signal),
    blobs: index.size,
  }
}

/** Marks what a tree needs; its size when restored. */
async function measure(
  repository: Repository,
  tree: string,
  state: { used: Bitmap; sizes: Map<string, number>; signal: AbortSignal | undefined },
): Promise<number> {
  const { index } = repository
  const entry = index.find('tree', Buffer.from(tree, 'hex'))
  const known = state.sizes.get(tree)
  if (known !== undefined && entry >= 0 && state.used.has(entry)) return known
  if (entry >= 0) state.used.add(entry)
  let size = 0
  for (const node of (await loadTree(repository, tree, { signal: state.signal })).nodes) {
    size += node.size
    for (const { id } of node.content?.runs() ?? []) {
      const data = index.find('data', id)
      if (data >= 0) state.used.add(data)
    }
    if (node.subtree !== undefined) size += await measure(repository, node.subtree, state)
  }
  state.sizes.set(tree, size)
  return size
}

function claim(
  { index }: Repository,
  { used, owners, owner }: { used: Bitmap; owners: Uint16Array; owner: number },
): { plain: number; stored: number } {
  let [plain, stored] = [0, 0]
  for (let entry = 0; entry < index.size; entry++) {
    if (!used.has(entry)) continue
    plain += index.plainLength(entry)
    stored += index.storedLength(entry)
    owners[entry] = owners[entry] === 0 ? owner : shared
  }
  return { plain, stored }
}

function summary(
  { index }: Repository,
  owners: Uint16Array,
  partial: readonly Omit<GroupStats, 'exclusiveSize'>[],
): Omit<RepositoryStats, 'points' | 'files' | 'blobs'> {
  let [uniqueSize, storedSize, unusedSize] = [0, 0, 0]
  const exclusive = new Float64Array(partial.length + 1)
  for (let entry = 0; entry < index.size; entry++) {
    const owner = owners[entry] ?? 0
    const stored = index.storedLength(entry)
    if (owner === 0) {
      unusedSize += stored
      continue
    }
    uniqueSize += index.plainLength(entry)
    storedSize += stored
    if (owner !== shared) exclusive[owner] = (exclusive[owner] ?? 0) + stored
  }
  const groups = partial.map((group, number) => Object.assign({}, group, { exclusiveSize: exclusive[number + 1] ?? 0 }))
  const totalRestoreSize = groups.reduce((sum, group) => sum + group.totalRestoreSize, 0)
  return {
    groups,
    totalRestoreSize,
    uniqueSize,
    storedSize,
    unusedSize,
    deduplication: uniqueSize === 0 ? 1 : totalRestoreSize / uniqueSize,
    compression: storedSize === 0 ? 1 : uniqueSize / storedSize,
  }
}

async function countFiles({ storage }: Repository, signal: AbortSignal | undefined): Promise<RepositoryStats['files']> {
  const count = async (kind: FileKind): Promise<{ count: number; size: number }> => {
    const total = { count: 0, size: 0 }
    for await (const { size } of storage.list(kind, { signal })) {
      total.count++
      total.size += size
    }
    return total
  }
  return {
    key: await count('key'),
    lock: await count('lock'),
    snapshot: await count('snapshot'),
    index: await count('index'),
    data: await count('data'),
  }
}
