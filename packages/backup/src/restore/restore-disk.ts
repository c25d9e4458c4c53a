import { availableParallelism } from 'node:os'
import { anySignal, forEachConcurrent, isAppError, mapOrdered, Semaphore } from '@nixen/core'
import { sharedAlignedMemory, type DiskSink } from '@nixen/disk'
import { DecodePool } from '../engine/decode-pool.ts'
import { backupErrors } from '../errors.ts'
import type { RepositoryLock } from '../lock/lock.ts'
import { lockForReading } from '../lock/reader-lock.ts'
import type { Repository } from '../repository/repository.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'
import { missingRun, runRange, type DiskMap } from './disk-map.ts'
import { openFile } from './open-restore-point.ts'
import { planTasks, taskBytes, type RestoreTask, type TaskBlob } from './plan-restore.ts'

export interface ByteRange {
  readonly offset: number
  readonly length: number
}

export interface RestoreProgress {
  /** Bytes that have to be written. */
  readonly totalBytes: number
  readonly doneBytes: number
}

export interface RestoreOptions {
  /** A restore point, its id or first digits, or `latest`. */
  readonly snapshot: string | Snapshot
  /** Path of the disk in it, such as `/disk-root.raw`. */
  readonly path: string
  /**
   * What to do when content is missing or does not match its id: `stop` (the default) fails and names the ranges; `zero-and-report` lets them read
   * as zeros and goes on.
   */
  readonly onDamage?: 'stop' | 'zero-and-report' | undefined
  /** Worker threads; one per processor, at most 8, when left out. */
  readonly workers?: number | undefined
  /** A lock that is held already; `none` where no lock can be written (a store that is read-only). */
  readonly lock?: RepositoryLock | 'none' | undefined
  readonly signal?: AbortSignal | undefined
  readonly progress?: ((progress: RestoreProgress) => void) | undefined
}

export interface RestoreResult {
  readonly snapshot: Snapshot
  readonly size: number
  readonly writtenBytes: number
  /** Ranges whose content is lost; they read as zeros. Empty unless `zero-and-report` was asked for. */
  readonly lost: readonly ByteRange[]
}

/** Where restored bytes go: a part of a sink. */
export interface RestoreTarget {
  readonly order: 'any' | 'ascending'
  write(offset: number, bytes: Uint8Array, options: { signal: AbortSignal }): Promise<void>
  /** Makes a range that could not be restored read as zeros. */
  lose(range: ByteRange, options: { signal: AbortSignal }): Promise<void>
}

/**
 * Writes a disk of a restore point to a sink, and finishes the sink. Only what is not zero is written. Every blob is checked against its id before a
 * byte of it is written.
 *
 * Errors: `backup.restore_damaged`, `backup.target_size`, `backup.snapshot_not_found`, `backup.file_not_in_snapshot`, storage's and the sink's.
 */
export async function restoreDisk(
  repository: Repository,
  sink: DiskSink,
  options: RestoreOptions,
): Promise<RestoreResult> {
  return withOpenFile(repository, options, async ({ snapshot, map, signal }) => {
    if (sink.size !== map.size) {
      throw backupErrors.target_size({ path: map.path, needed: map.size, actual: sink.size })
    }
    const target: RestoreTarget = {
      order: sink.order,
      write: (offset, bytes) => sink.write(offset, bytes, { signal }),
      // What is never written reads as zeros.
      lose: async () => undefined,
    }
    const { writtenBytes, lost } = await restoreRuns(repository, { map, target, signal }, options)
    await sink.finish({ signal })
    return { snapshot, size: map.size, writtenBytes, lost }
  })
}

/** Opens a file of a restore point under a lock, with a fresh index, for the time of `work`. */
export async function withOpenFile<T>(
  repository: Repository,
  options: RestoreOptions,
  work: (opened: { snapshot: Snapshot; map: DiskMap; signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const taken = options.lock === undefined ? await lockForReading(repository, { signal: options.signal }) : undefined
  try {
    const held = options.lock === 'none' ? undefined : (options.lock ?? taken)
    const signal = anySignal(options.signal, held?.signal)
    await repository.refreshIndex({ signal })
    const { snapshot, map } = await openFile(repository, options, { signal })
    return await work({ snapshot, map, signal })
  } finally {
    await taken?.[Symbol.asyncDispose]()
  }
}

/** Restores runs of a map (all that are not zero, or the wanted ones). */
export async function restoreRuns(
  repository: Repository,
  {
    map,
    target,
    signal,
    wanted,
  }: { map: DiskMap; target: RestoreTarget; signal: AbortSignal; wanted?: (run: number) => boolean },
  options: Pick<RestoreOptions, 'onDamage' | 'workers' | 'progress'>,
): Promise<{ writtenBytes: number; lost: ByteRange[] }> {
  const run = new RestoreRun(repository, { map, target, signal, stop: options.onDamage !== 'zero-and-report' })
  await run.lose(missingRanges(map, wanted))
  const tasks = [...planTasks(repository.index, map, { order: target.order, ...(wanted ? { wanted } : {}) })]
  const totalBytes = tasks.reduce((sum, task) => sum + bytesOf(task), 0)
  const workers = options.workers ?? Math.min(availableParallelism(), 8)
  await using pool = new DecodePool({ key: repository.masterKey, workers })
  // One more than workers: a task is read or written while the others are decoded.
  const slots = new Slots(workers + 1)
  const finished = (): void => options.progress?.({ totalBytes, doneBytes: run.doneBytes })
  if (target.order === 'any') {
    await forEachConcurrent(tasks, slots.count, async (task) => {
      using slot = await slots.take(task.plainLength, signal)
      await run.write(await run.decode(pool, task, slot))
      finished()
    })
  } else {
    const decoded = mapOrdered(tasks, slots.count, async (task) => {
      const slot = await slots.take(task.plainLength, signal)
      try {
        return { slot, content: await run.decode(pool, task, slot) }
      } catch (error) {
        slot[Symbol.dispose]()
        throw error
      }
    })
    for await (const { slot, content } of decoded) {
      using _slot = slot
      await run.write(content)
      finished()
    }
  }
  run.assertWhole()
  return { writtenBytes: run.doneBytes, lost: mergeRanges(run.lost) }
}

interface Decoded {
  readonly blob: TaskBlob
  readonly content: Uint8Array | undefined
}

class RestoreRun {
  doneBytes = 0
  readonly lost: ByteRange[] = []
  readonly #repository: Repository
  readonly #map: DiskMap
  readonly #target: RestoreTarget
  readonly #signal: AbortSignal
  readonly #stop: boolean

  constructor(
    repository: Repository,
    init: { map: DiskMap; target: RestoreTarget; signal: AbortSignal; stop: boolean },
  ) {
    this.#repository = repository
    this.#map = init.map
    this.#target = init.target
    this.#signal = init.signal
    this.#stop = init.stop
  }

  async decode(pool: DecodePool, task: RestoreTask, { memory: output, sealed: into }: SlotMemory): Promise<Decoded[]> {
    this.#signal.throwIfAborted()
    const { pack: name, offset, length } = task
    const places: number[] = []
    let to = 0
    for (const { plainLength } of task.blobs) {
      places.push(to)
      to += plainLength
    }
    let reasons: readonly (string | undefined)[]
    try {
      const sealed = await this.#repository.storage.load(
        { kind: 'data', name },
        { signal: this.#signal, offset, length, into },
      )
      const blobs = task.blobs.map(({ location }, i) => {
        const { id, length: sealedLength, uncompressedLength } = location
        return { id, uncompressedLength, offset: location.offset - offset, length: sealedLength, to: places[i] ?? 0 }
      })
      reasons = await pool.decode({ sealed, output, blobs })
    } catch (error) {
      // A pack that is gone or too short is damage like any other; a storage that does not answer is not.
      if (!isAppError(error, 'storage.not_found') && !isAppError(error, 'storage.truncated')) throw error
      reasons = task.blobs.map(() => 'its pack is gone or too short')
    }
    return Promise.all(
      task.blobs.map(async (blob, i) => {
        const at = places[i] ?? 0
        const content =
          reasons[i] === undefined ? output.subarray(at, at + blob.plainLength) : await this.#otherCopy(blob)
        return { blob, content }
      }),
    )
  }

  async write(decoded: readonly Decoded[]): Promise<void> {
    const options = { signal: this.#signal }
    for (const { blob, content } of joinNeighbours(decoded)) {
      if (!content) {
        await this.lose(blob.positions.map((offset) => ({ offset, length: blob.plainLength })))
        continue
      }
      for (const offset of blob.positions) {
        await this.#target.write(offset, content, options)
        this.doneBytes += content.length
      }
    }
  }

  /** Notes ranges that are lost; throws when that is not accepted. */
  async lose(ranges: readonly ByteRange[]): Promise<void> {
    this.lost.push(...ranges)
    if (this.#stop) this.assertWhole()
    for (const range of ranges) await this.#target.lose(range, { signal: this.#signal })
  }

  assertWhole(): void {
    if (!this.#stop || this.lost.length === 0) return
    const ranges = mergeRanges(this.lost)
    throw backupErrors.restore_damaged({
      path: this.#map.path,
      bytes: ranges.reduce((sum, { length }) => sum + length, 0),
      ranges,
    })
  }

  /** A blob may be stored twice; the second copy saves it. */
  async #otherCopy({ location: { id, type } }: TaskBlob): Promise<Uint8Array | undefined> {
    try {
      return await this.#repository.loadBlob(type, id, { signal: this.#signal })
    } catch (error) {
      const codes = ['backup.blob_damaged', 'backup.blob_missing', 'storage.not_found', 'storage.truncated']
      if (codes.some((code) => isAppError(error, code))) return undefined
      throw error
    }
  }
}

/** Content that lies together in memory and on the disk is written with one call. */
function joinNeighbours(decoded: readonly Decoded[]): Decoded[] {
  const joined: Decoded[] = []
  for (const next of decoded) {
    const last = joined.at(-1)
    const position = last?.blob.positions[0] ?? 0
    const adjacent =
      last?.content &&
      next.content &&
      last.blob.positions.length === 1 &&
      next.blob.positions.length === 1 &&
      last.content.buffer === next.content.buffer &&
      last.content.byteOffset + last.content.length === next.content.byteOffset &&
      position + last.content.length === next.blob.positions[0]
    if (!adjacent || !last?.content || !next.content) {
      joined.push(next)
      continue
    }
    const length = last.content.length + next.content.length
    const content = new Uint8Array(last.content.buffer, last.content.byteOffset, length)
    joined[joined.length - 1] = { blob: { ...last.blob, plainLength: length }, content }
  }
  return joined
}

interface SlotMemory {
  /** For the content of a task's blobs. */
  readonly memory: Uint8Array<SharedArrayBuffer>
  /** For what is read of the pack. */
  readonly sealed: Uint8Array<SharedArrayBuffer>
}

/** Bytes for the sealed blobs of a task: overheads, gaps and the pages around them come on top of their content. */
const sealedBytes = taskBytes + 256 * 1024

/** Memory for tasks, used again and again. A task longer than a slot (one large blob of restic) gets memory of its own. */
class Slots {
  readonly count: number
  readonly #places: Semaphore
  readonly #free: SlotMemory[]

  constructor(count: number) {
    this.count = count
    this.#places = new Semaphore(count)
    const memory = sharedAlignedMemory(count * (taskBytes + sealedBytes))
    this.#free = Array.from({ length: count }, (_, i) => {
      const at = i * (taskBytes + sealedBytes)
      return {
        memory: new Uint8Array(memory, at, taskBytes),
        sealed: new Uint8Array(memory, at + taskBytes, sealedBytes),
      }
    })
  }

  async take(length: number, signal: AbortSignal): Promise<Disposable & SlotMemory> {
    const release = await this.#places.acquire({ signal })
    const slot = this.#free.pop()
    if (!slot) throw new TypeError('more holders than slots')
    return {
      memory: length <= taskBytes ? slot.memory : new Uint8Array(new SharedArrayBuffer(length)),
      sealed: slot.sealed,
      [Symbol.dispose]: () => {
        this.#free.push(slot)
        release()
      },
    }
  }
}

function bytesOf(task: RestoreTask): number {
  return task.blobs.reduce((sum, { plainLength, positions }) => sum + plainLength * positions.length, 0)
}

function missingRanges(map: DiskMap, wanted: ((run: number) => boolean) | undefined): ByteRange[] {
  const ranges: ByteRange[] = []
  for (let run = 0; run < map.count; run++) {
    if (map.entries[run] === missingRun && (!wanted || wanted(run))) ranges.push(runRange(map, run))
  }
  return ranges
}

/** Ascending, neighbours joined. */
export function mergeRanges(ranges: readonly ByteRange[]): ByteRange[] {
  const merged: { offset: number; length: number }[] = []
  for (const { offset, length } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const last = merged.at(-1)
    if (last && last.offset + last.length >= offset) last.length = Math.max(last.length, offset + length - last.offset)
    else merged.push({ offset, length })
  }
  return merged
}
