import { isAppError } from '@nixen/core'
import type { ChangeToken, DiskSource, Extent, ExtentOptions, IoOptions } from '@nixen/disk'
import { backupErrors } from '../errors.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { findSnapshot, type Snapshot } from '../snapshot/snapshot.ts'
import { BlobCache } from './blob-cache.ts'
import { missingRun, runAt, runRange, zeroRun, type DiskMap } from './disk-map.ts'
import { openFile } from './open-restore-point.ts'

export interface RestorePointDiskOptions extends SignalOption {
  readonly snapshot: string | Snapshot
  readonly path: string
  /** Bytes of decoded content that are kept; 64 MiB when left out. */
  readonly cacheBytes?: number | undefined
  /** Runs that are read ahead once reading is sequential; 4 when left out. */
  readonly readAhead?: number | undefined
}

/** A disk of a restore point, to be read in any order: for NBD exports, file restore and comparison. */
export interface RestorePointDisk extends DiskSource {
  readonly snapshot: Snapshot
  /** The token by which a later restore point tells what changed since this one. */
  readonly token: ChangeToken
}

/**
 * Opens a disk of a restore point for reading. `extents` tells zeros from data, and with `since` (the token of another restore point's disk) the ranges whose
 * content differs, from the two content lists alone. The caller holds a lock on the repository, and has loaded the index.
 *
 * Errors: `backup.snapshot_not_found`, `backup.file_not_in_snapshot`; reading: `backup.restore_damaged`, storage's.
 */
export async function restorePointDisk(
  repository: Repository,
  options: RestorePointDiskOptions,
): Promise<RestorePointDisk> {
  const { snapshot, map } = await openFile(repository, options, { signal: options.signal })
  return new MappedDisk(repository, { ...options, snapshot, map })
}

class MappedDisk implements RestorePointDisk {
  readonly size: number
  readonly snapshot: Snapshot
  readonly token: ChangeToken
  readonly #repository: Repository
  readonly #map: DiskMap
  readonly #cache: BlobCache
  readonly #readAhead: number
  #expected = -1

  constructor(
    repository: Repository,
    options: Omit<RestorePointDiskOptions, 'snapshot'> & { snapshot: Snapshot; map: DiskMap },
  ) {
    this.#repository = repository
    this.#map = options.map
    this.#cache = new BlobCache(repository, options.cacheBytes ?? 64 * 1024 * 1024)
    this.#readAhead = options.readAhead ?? 4
    this.size = options.map.size
    this.snapshot = options.snapshot
    // A token is made here and read by `tokenOf` alone.
    this.token = `${options.snapshot.id}:${options.path}` as ChangeToken
  }

  async *extents({ since, signal }: ExtentOptions = {}): AsyncGenerator<Extent> {
    const other = since === undefined ? undefined : await this.#otherMap(since, signal)
    yield* joinExtents(other ? differences(this.#map, other) : runsOf(this.#map))
  }

  async read(offset: number, into: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    if (offset < 0 || offset + into.length > this.size) {
      throw new RangeError(`${into.length} bytes at ${offset} are outside of a disk of ${this.size} bytes`)
    }
    for (let done = 0; done < into.length;) {
      signal?.throwIfAborted()
      const at = offset + done
      const run = runAt(this.#map, at)
      const range = runRange(this.#map, run)
      const from = at - range.offset
      const length = Math.min(range.length - from, into.length - done)
      const target = into.subarray(done, done + length)
      const content = await this.#content(run)
      if (content) target.set(content.subarray(from, from + length))
      else target.fill(0)
      done += length
    }
    this.#aheadOf(offset, offset + into.length)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held but memory.
  }

  /** Content of a run; `undefined` for zeros. */
  async #content(run: number): Promise<Uint8Array | undefined> {
    const entry = this.#map.entries[run] ?? zeroRun
    if (entry === zeroRun) return undefined
    if (entry === missingRun) throw this.#lost(run)
    try {
      return await this.#cache.get(entry)
    } catch (error) {
      const codes = ['backup.blob_damaged', 'storage.not_found', 'storage.truncated']
      throw codes.some((code) => isAppError(error, code)) ? this.#lost(run, error) : error
    }
  }

  #lost(run: number, cause?: unknown): Error {
    const range = runRange(this.#map, run)
    const params = { path: this.#map.path, bytes: range.length, ranges: [range] }
    return backupErrors.restore_damaged(params, { cause })
  }

  /** Loads what comes next when a read began where the one before ended. */
  #aheadOf(from: number, to: number): void {
    const sequential = from === this.#expected
    this.#expected = to
    if (!sequential || to >= this.size) return
    const first = runAt(this.#map, to)
    for (let run = first; run < Math.min(first + this.#readAhead, this.#map.count); run++) {
      const entry = this.#map.entries[run] ?? zeroRun
      // What goes wrong here goes wrong again, and is told, when the range is asked for.
      if (entry >= 0 && !this.#cache.has(entry)) this.#cache.get(entry).catch(() => undefined)
    }
  }

  async #otherMap(since: ChangeToken, signal: AbortSignal | undefined): Promise<DiskMap> {
    const separator = since.indexOf(':')
    const snapshot = await findSnapshot(this.#repository, since.slice(0, separator), { signal })
    return (await openFile(this.#repository, { snapshot, path: since.slice(separator + 1) }, { signal })).map
  }
}

function* runsOf(map: DiskMap): Generator<Extent> {
  for (let run = 0; run < map.count; run++) yield { ...runRange(map, run), kind: kindOf(map, run) }
}

/** Ranges of `now` whose blobs are not the ones at the same place of `then`. Two walks side by side; no content is read. */
function* differences(now: DiskMap, then: DiskMap): Generator<Extent> {
  let other = 0
  for (let run = 0; run < now.count; run++) {
    const range = runRange(now, run)
    const end = range.offset + range.length
    if (now.entries[run] !== zeroRun) {
      while (other < then.count && runRange(then, other).offset < range.offset) other++
      const old = other < then.count ? runRange(then, other) : undefined
      const same =
        old?.offset === range.offset && old.length === range.length && then.entries[other] === now.entries[run]
      if (!same || now.entries[run] === missingRun) yield { ...range, kind: 'data' }
      continue
    }
    yield* zeroDifferences(then, { offset: range.offset, end })
  }
}

/** Where `then` was not zero in a range that is zero now; beyond its end it was nothing. */
function* zeroDifferences(then: DiskMap, { offset, end }: { offset: number; end: number }): Generator<Extent> {
  const shared = Math.min(end, then.size)
  for (let at = offset; at < shared;) {
    const run = runAt(then, at)
    const range = runRange(then, run)
    const next = Math.min(range.offset + range.length, shared)
    if (then.entries[run] !== zeroRun) yield { offset: at, length: next - at, kind: 'zero' }
    at = next
  }
  const beyond = Math.max(offset, shared)
  if (beyond < end) yield { offset: beyond, length: end - beyond, kind: 'zero' }
}

function kindOf(map: DiskMap, run: number): Extent['kind'] {
  return map.entries[run] === zeroRun ? 'zero' : 'data'
}

function* joinExtents(extents: Iterable<Extent>): Generator<Extent> {
  let open: Extent | undefined
  for (const extent of extents) {
    const { offset, length, kind } = extent
    if (open?.kind === kind && open.offset + open.length === offset) {
      open = { offset: open.offset, length: open.length + length, kind }
      continue
    }
    if (open) yield open
    open = extent
  }
  if (open) yield open
}
