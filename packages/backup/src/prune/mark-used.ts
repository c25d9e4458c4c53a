import type { BlobType } from '../pack/blob.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { listSnapshots, type Snapshot } from '../snapshot/snapshot.ts'
import { loadTree } from '../tree/read-tree.ts'
import { Bitmap } from './bitmap.ts'

/** A blob that a restore point needs and no index names. */
export interface MissingBlob {
  readonly type: BlobType
  readonly id: string
  /** Id of one restore point that needs it. */
  readonly snapshot: string
  /** Where in that restore point: `/disk.raw`. */
  readonly path: string
}

export interface UsedBlobs {
  /** Numbers of index entries. A blob that is stored twice counts once, with its first entry. */
  readonly used: Bitmap
  readonly missing: readonly MissingBlob[]
}

/** How many missing blobs are told apart; more of them say nothing new. */
const maxMissing = 1000

/**
 * Marks every blob that a restore point needs, in the repository's index (`loadIndex` comes before). Each tree is read once, however many restore
 * points share it. One bit a blob.
 *
 * Errors: those of reading snapshots and trees.
 */
export async function markUsed(
  repository: Repository,
  options: SignalOption & {
    /** All of the repository when left out. */
    snapshots?: readonly Snapshot[]
    progress?: (progress: { snapshots: number; total: number }) => void
  } = {},
): Promise<UsedBlobs> {
  const snapshots = options.snapshots ?? (await listSnapshots(repository, options))
  const marker = new Marker(repository, options)
  for (const [done, { id, tree }] of snapshots.entries()) {
    options.progress?.({ snapshots: done, total: snapshots.length })
    await marker.mark(id, tree)
  }
  return marker
}

class Marker implements UsedBlobs {
  readonly used: Bitmap
  readonly missing: MissingBlob[] = []
  readonly #repository: Repository
  readonly #options: SignalOption

  constructor(repository: Repository, options: SignalOption) {
    this.#repository = repository
    this.#options = options
    this.used = new Bitmap(repository.index.size)
  }

  async mark(snapshot: string, root: string): Promise<void> {
    const { index } = this.#repository
    const open = [{ tree: root, path: '' }]
    for (let next = open.pop(); next; next = open.pop()) {
      this.#options.signal?.throwIfAborted()
      const entry = index.find('tree', Buffer.from(next.tree, 'hex'))
      if (entry < 0) {
        this.#note({ type: 'tree', id: next.tree, snapshot, path: next.path || '/' })
        continue
      }
      if (!this.used.add(entry)) continue
      const { nodes } = await loadTree(this.#repository, next.tree, this.#options)
      for (const node of nodes) {
        const path = `${next.path}/${node.name}`
        if (node.subtree !== undefined) open.push({ tree: node.subtree, path })
        for (const { id } of node.content?.runs() ?? []) {
          const data = index.find('data', id)
          if (data >= 0) this.used.add(data)
          else this.#note({ type: 'data', id: Buffer.from(id).toString('hex'), snapshot, path })
        }
      }
    }
  }

  #note(missing: MissingBlob): void {
    if (this.missing.length < maxMissing) this.missing.push(missing)
  }
}
