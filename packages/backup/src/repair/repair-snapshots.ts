import { hash } from 'node:crypto'
import { anySignal } from '@nixen/core'
import { lengthOfUnknown } from '../check/affected.ts'
import type { DiskRange } from '../check/finding.ts'
import { lockRepository } from '../lock/lock.ts'
import type { PackWriter } from '../pack/pack-writer.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { listSnapshots, saveSnapshot, type Snapshot } from '../snapshot/snapshot.ts'
import { ContentList } from '../tree/content-list.ts'
import type { TreeNode } from '../tree/node.ts'
import { loadTree } from '../tree/read-tree.ts'
import { writeTree } from '../tree/write-tree.ts'

/** Tag of restore points that are not whole; their file `lost-ranges.json` says what is not. */
export const repairedTag = 'repaired'
const reportName = 'lost-ranges.json'

/** A file, or a whole directory (no ranges), that could not be saved. */
export interface LostFile {
  readonly path: string
  /** What reads as zeros now. */
  readonly ranges: readonly DiskRange[]
}

export interface RepairedPoint {
  /** Id of the restore point with losses; it stays as it is. */
  readonly from: string
  /** Id of the new one; absent when nothing of it could be saved. */
  readonly to?: string
  readonly lost: readonly LostFile[]
}

/**
 * Writes a new restore point beside each one that needs a lost blob (`lost` of a check): lost ranges read as zeros, and sizes and offsets stay, so a
 * disk can be restored and its file system repaired. Lost directories are left out. The restore points with losses are not removed: forget them
 * when the new ones are what you want.
 *
 * Errors: `backup.repository_locked`, those of reading trees, storage's.
 */
export async function repairSnapshots(
  repository: Repository,
  { lost }: { readonly lost: readonly string[] },
  options: SignalOption & { wait?: number } = {},
): Promise<RepairedPoint[]> {
  repository.assertWritable()
  await using lock = await lockRepository(repository, { wait: options.wait ?? 0, signal: options.signal })
  const signal = anySignal(options.signal, lock.signal)
  await repository.loadIndex({ signal })
  const points = await listSnapshots(repository, { signal })
  const done = new Set(points.filter(({ tags }) => tags.includes(repairedTag)).map(({ original }) => original))
  const repaired: RepairedPoint[] = []
  for (const point of points) {
    if (done.has(point.id)) continue
    const result = await new Repair(repository, new Set(lost), signal).point(point)
    if (result) repaired.push(result)
    await lock.assertHeld()
  }
  return repaired
}

class Repair {
  readonly #repository: Repository
  readonly #lost: ReadonlySet<string>
  readonly #signal: AbortSignal
  readonly #report: LostFile[] = []
  readonly #packs: PackWriter
  readonly #flush: () => Promise<void>

  constructor(repository: Repository, lost: ReadonlySet<string>, signal: AbortSignal) {
    this.#repository = repository
    this.#lost = lost
    this.#signal = signal
    const index = repository.indexWriter({ signal })
    this.#packs = repository.packWriter({ index, signal })
    this.#flush = async () => {
      await this.#packs.flush()
      await index.flush()
    }
  }

  /** `undefined` when nothing of the point is lost. */
  async point(point: Snapshot): Promise<RepairedPoint | undefined> {
    const nodes = await this.#tree(point.tree, '')
    if (this.#report.length === 0) return undefined
    if (!nodes || nodes.length === 0) return { from: point.id, lost: this.#report }
    const note = await this.#note(point, nodes)
    const tree = await writeTree({ repository: this.#repository, packs: this.#packs }, [...nodes, note])
    await this.#flush()
    // What was just written is known to the point that is repaired next.
    await this.#repository.loadIndex({ signal: this.#signal })
    const { id, parent: _, tags, ...rest } = point
    const saved = await saveSnapshot(
      this.#repository,
      { ...rest, tree, tags: [...tags, repairedTag], original: id },
      { signal: this.#signal },
    )
    return { from: id, to: saved.id, lost: this.#report }
  }

  /** Nodes of a tree with what is lost replaced; `undefined` when the tree itself is. */
  async #tree(id: string, path: string): Promise<TreeNode[] | undefined> {
    this.#signal.throwIfAborted()
    if (this.#lost.has(`tree:${id}`)) {
      this.#report.push({ path: path || '/', ranges: [] })
      return undefined
    }
    const { nodes } = await loadTree(this.#repository, id, { signal: this.#signal })
    const kept: TreeNode[] = []
    for (const node of nodes) {
      const repaired = await this.#node(node, `${path}/${node.name}`)
      if (repaired) kept.push(repaired)
    }
    return kept
  }

  async #node(node: TreeNode, path: string): Promise<TreeNode | undefined> {
    if (node.subtree !== undefined) {
      const before = this.#report.length
      const nodes = await this.#tree(node.subtree, path)
      if (!nodes) return undefined
      if (this.#report.length === before) return node
      return { ...node, subtree: await writeTree({ repository: this.#repository, packs: this.#packs }, nodes) }
    }
    return node.content ? this.#file(node, node.content, path) : node
  }

  async #file(node: TreeNode, content: ContentList, path: string): Promise<TreeNode> {
    const { index } = this.#repository
    const unknown = lengthOfUnknown(this.#repository, node)
    const repaired = new ContentList(content.runCount)
    const ranges: DiskRange[] = []
    let offset = 0
    for (const { id, count } of content.runs()) {
      const entry = index.find('data', id)
      const each = entry < 0 ? unknown : index.plainLength(entry)
      if (!this.#lost.has(`data:${Buffer.from(id).toString('hex')}`)) repaired.push(id, count)
      else {
        const length = Math.min(each * count, Math.max(0, node.size - offset))
        ranges.push({ offset, length })
        await this.#zeros(repaired, { length, each })
      }
      offset += each * count
    }
    if (ranges.length === 0) return node
    this.#report.push({ path, ranges })
    return { ...node, content: repaired }
  }

  async #zeros(list: ContentList, { length, each }: { length: number; each: number }): Promise<void> {
    for (let left = length; left > 0; left -= each) {
      const zeros = new Uint8Array(Math.min(left, each))
      const id = hash('sha256', zeros, 'buffer')
      await this.#store(id, zeros)
      list.push(id)
    }
  }

  async #note({ id, time }: Snapshot, nodes: readonly TreeNode[]): Promise<TreeNode> {
    const text = JSON.stringify({ repairedFrom: id, lost: this.#report }, undefined, 2)
    const bytes = Buffer.from(`${text}\n`)
    const blob = hash('sha256', bytes, 'buffer')
    await this.#store(blob, bytes)
    const content = new ContentList(1)
    content.push(blob)
    const taken = new Set(nodes.map(({ name }) => name))
    let name = reportName
    for (let i = 2; taken.has(name); i++) name = `lost-ranges-${i}.json`
    return { name, type: 'file', size: bytes.length, mode: 0o600, modified: time, content }
  }

  readonly #stored = new Set<string>()

  async #store(id: Uint8Array, bytes: Uint8Array): Promise<void> {
    const hex = Buffer.from(id).toString('hex')
    if (this.#stored.has(hex) || (this.#repository.index.find('data', id) >= 0 && !this.#lost.has(`data:${hex}`)))
      return
    this.#stored.add(hex)
    await this.#packs.add('data', hex, bytes)
  }
}
