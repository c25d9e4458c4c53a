import { availableParallelism } from 'node:os'
import { anySignal, mapOrdered } from '@nixen/core'
import { PackGroups } from '../check/pack-groups.ts'
import { backupErrors } from '../errors.ts'
import { lockRepository } from '../lock/lock.ts'
import { lockForReading } from '../lock/reader-lock.ts'
import type { BlobLocation, BlobType } from '../pack/blob.ts'
import type { IndexWriter } from '../index/index-writer.ts'
import type { PackWriter } from '../pack/pack-writer.ts'
import { Bitmap } from '../prune/bitmap.ts'
import { neighbours } from '../prune/repack.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { listSnapshots, saveSnapshot, type Snapshot } from '../snapshot/snapshot.ts'
import { loadTree } from '../tree/read-tree.ts'
import { CopyPool } from './copy-pool.ts'
import { reseal, type Resealed, type SealedPart } from './reseal.ts'

export interface CopyProgress {
  readonly points: number
  readonly totalPoints: number
  /** Plain bytes transferred so far. */
  readonly bytes: number
}

export interface CopyOptions extends SignalOption {
  /** Which restore points; all when left out. */
  readonly filter?: ((point: Snapshot) => boolean) | undefined
  /** Tags of the copy of a restore point; its own when left out. */
  readonly tags?: ((point: Snapshot) => readonly string[]) | undefined
  /** How long to wait for locks, in milliseconds. */
  readonly wait?: number | undefined
  readonly packSize?: number | undefined
  readonly progress?: ((progress: CopyProgress) => void) | undefined
}

export interface CopyResult {
  /** Restore points that were copied, by their ids in the target. */
  readonly copied: readonly { readonly from: string; readonly to: string }[]
  /** Ids of restore points that were there already. */
  readonly present: readonly string[]
  /** Blobs that were transferred, and their plain bytes. */
  readonly blobs: number
  readonly bytes: number
}

/** Packs after which an index file is saved, so that a copy that is stopped need not transfer them again. */
const packsPerIndex = 128
/** Threads that open and seal; the main one reads and writes. */
const threads = Math.min(availableParallelism(), 4)

/**
 * Copies restore points to another repository, which may have other keys: only the blobs that are missing there, sealed anew. Each point is
 * whole in the target before the next one begins; a copy that was stopped goes on where it was when it is run again. A copied point remembers the
 * one it was made of (`original`, as `restic copy`), so it is not copied twice.
 *
 * Errors: `backup.repository_locked`, `backup.blob_missing`, `backup.blob_damaged`, `backup.same_repository`, storage's.
 */
export async function copyPoints(from: Repository, to: Repository, options: CopyOptions = {}): Promise<CopyResult> {
  if (from.id === to.id) throw backupErrors.same_repository({ location: to.storage.properties.location })
  to.assertWritable()
  const wait = options.wait ?? 0
  await using source = await lockForReading(from, { wait, signal: options.signal })
  await using target = await lockRepository(to, { wait, signal: options.signal })
  const signal = anySignal(options.signal, source?.signal, target.signal)
  await from.loadIndex({ signal })
  await to.loadIndex({ signal })
  const points = (await listSnapshots(from, { signal })).filter((point) => options.filter?.(point) ?? true)
  const known = new Set((await listSnapshots(to, { signal })).map(identity))
  await using copier = new Copier({ from, to }, { ...options, signal })
  const copied: { from: string; to: string }[] = []
  const present: string[] = []
  for (const [number, point] of points.entries()) {
    options.progress?.({ points: number, totalPoints: points.length, bytes: copier.bytes })
    if (known.has(identity(point))) {
      present.push(point.id)
      continue
    }
    await copier.copy(point, (bytes) => options.progress?.({ points: number, totalPoints: points.length, bytes }))
    await target.assertHeld()
    const { id, parent: _, ...rest } = point
    const tags = options.tags?.(point) ?? point.tags
    const saved = await saveSnapshot(to, { ...rest, tags, original: point.original ?? id }, { signal })
    copied.push({ from: id, to: saved.id })
  }
  options.progress?.({ points: points.length, totalPoints: points.length, bytes: copier.bytes })
  return { copied, present, blobs: copier.blobs, bytes: copier.bytes }
}

/** The same for a restore point and its copies, over any number of copies of copies. */
export function identity({ id, original, tree, time }: Snapshot): string {
  return `${original ?? id} ${tree} ${time}`
}

class Copier implements AsyncDisposable {
  blobs = 0
  bytes = 0
  readonly #from: Repository
  readonly #to: Repository
  readonly #options: SignalOption & { packSize?: number | undefined }
  /** Entries of the source that are in the target, or on their way. */
  readonly #done: Bitmap
  readonly #groups: PackGroups
  readonly #index: IndexWriter
  readonly #writers: Record<BlobType, PackWriter>
  #pool: CopyPool | undefined

  constructor({ from, to }: { from: Repository; to: Repository }, { signal, packSize }: CopyOptions) {
    this.#from = from
    this.#to = to
    this.#options = { signal }
    this.#done = new Bitmap(from.index.size)
    this.#groups = new PackGroups(from.index)
    this.#index = to.indexWriter({ signal })
    const writer = (): PackWriter =>
      to.packWriter({ index: this.#index, signal, ...(packSize !== undefined && { targetSize: packSize }) })
    this.#writers = { data: writer(), tree: writer() }
  }

  /** All blobs of a restore point are in the target, durable and indexed, when it resolves. */
  async copy(point: Snapshot, progress: (bytes: number) => void): Promise<void> {
    const wanted = await this.#missing(point.tree)
    const packs = this.#from.index.packs
      .map((_, pack) => pack)
      .filter((pack) => this.#groups.entries(pack).some((entry) => wanted.has(entry)))
    // A few small blobs are not worth a thread.
    if (packs.length > 2) this.#pool ??= new CopyPool({ from: this.#from.masterKey, to: this.#to.masterKey }, threads)
    let sinceIndex = 0
    for await (const parts of mapOrdered(packs, threads + 2, (pack) => this.#load(pack, wanted))) {
      for (const { part, results } of parts) {
        for (const [index, blob] of part.blobs.entries()) await this.#put(blob, results[index])
      }
      progress(this.bytes)
      if (++sinceIndex % packsPerIndex === 0) await this.#index.flush()
    }
    await this.#writers.data.flush()
    await this.#writers.tree.flush()
    await this.#index.flush()
  }

  /**
   * Entries of the source that a tree needs and the target lacks. Goes into trees that the target has as well: a copy that was stopped may have
   * left a tree there without all of its blobs.
   */
  async #missing(root: string): Promise<Bitmap> {
    const { index } = this.#from
    const wanted = new Bitmap(index.size)
    const seen = new Bitmap(index.size)
    const open = [root]
    for (let tree = open.pop(); tree !== undefined; tree = open.pop()) {
      this.#options.signal?.throwIfAborted()
      const entry = this.#want('tree', Buffer.from(tree, 'hex'), wanted)
      if (!seen.add(entry)) continue
      const { nodes } = await loadTree(this.#from, tree, this.#options)
      for (const node of nodes) {
        if (node.subtree !== undefined) open.push(node.subtree)
        for (const { id } of node.content?.runs() ?? []) this.#want('data', id, wanted)
      }
    }
    return wanted
  }

  #want(type: BlobType, id: Uint8Array, wanted: Bitmap): number {
    const entry = this.#from.index.find(type, id)
    if (entry < 0) throw backupErrors.blob_missing({ blob: Buffer.from(id).toString('hex'), type })
    if (!this.#done.has(entry) && this.#to.index.find(type, id) < 0) {
      wanted.add(entry)
      this.#done.add(entry)
    }
    return entry
  }

  /** Blobs of a pack, under the key of the target. */
  async #load(pack: number, wanted: Bitmap): Promise<{ part: SealedPart; results: readonly Resealed[] }[]> {
    const { index, storage, config } = this.#from
    const blobs: BlobLocation[] = []
    for (const entry of this.#groups.entries(pack)) if (wanted.has(entry)) blobs.push(index.location(entry))
    blobs.sort((a, b) => a.offset - b.offset)
    const loaded: { part: SealedPart; results: readonly Resealed[] }[] = []
    for (const group of neighbours(blobs)) {
      const offset = group[0]?.offset ?? 0
      const length = Math.max(...group.map((blob) => blob.offset + blob.length)) - offset
      const name = index.packs[pack] ?? ''
      const bytes = await storage.load({ kind: 'data', name }, { signal: this.#options.signal, offset, length })
      const part = { offset, bytes, blobs: group, compress: config.version === 1 }
      const results = this.#pool
        ? await this.#pool.reseal(part)
        : reseal(part, { from: this.#from.sealer, to: this.#to.sealer })
      loaded.push({ part, results })
    }
    return loaded
  }

  async #put(blob: BlobLocation, result: Resealed | undefined): Promise<void> {
    const { type, id } = blob
    const writer = this.#writers[type]
    this.blobs++
    if (result && 'sealed' in result) {
      const { sealed, uncompressedLength, size } = result
      this.bytes += size
      // Compared with its id, and opened again, where it was sealed.
      await writer.addSealed({ type, id, uncompressedLength }, sealed, { verified: true })
      return
    }
    // This copy is damaged: another one of the source is taken, if there is one.
    const content = await this.#from.loadBlob(type, id, this.#options)
    this.bytes += content.length
    await writer.add(type, id, content)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool?.[Symbol.asyncDispose]()
  }
}
