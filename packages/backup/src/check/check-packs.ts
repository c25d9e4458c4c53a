import { availableParallelism } from 'node:os'
import { forEachConcurrent, isAppError, messageOf, MiB } from '@nixen/core'
import { sharedAlignedMemory } from '@nixen/disk'
import type { BlobIndex } from '../index/blob-index.ts'
import type { PackedBlob } from '../pack/blob.ts'
import { headerLength } from '../pack/pack-header.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import type { Report } from './check-files.ts'
import type { Finding, Problem } from './finding.ts'
import type { PackGroups } from './pack-groups.ts'
import { compareBlobs, verifyPack, type PackReport } from './verify-pack.ts'
import { VerifyPool } from './verify-pool.ts'
import type { VerifyRequest } from './verify-worker.ts'

/** To verify less than this, starting threads takes longer than it saves. */
const worthThreads = 8 * MiB

interface PacksState {
  readonly repository: Repository
  readonly groups: PackGroups
  /** Name → size of all packs that are there. */
  readonly packs: ReadonlyMap<string, number>
  readonly report: Report
}

export interface PackOptions extends SignalOption {
  /** Told after each pack, with its size in bytes. */
  readonly progress?: ((bytes: number) => void) | undefined
  /** 0 verifies on the calling thread. */
  readonly workers?: number | undefined
}

/** The packs that the index names against those that are there, without reading any. */
export function checkPackList({ repository: { index }, groups, packs, report }: PacksState): void {
  const indexed = new Set(index.packs)
  for (const [number, pack] of index.packs.entries()) {
    const size = packs.get(pack)
    const expected = (): number => expectedSize(index, groups.entries(number))
    if (size === undefined) {
      const text = `Pack ${pack} is not there, and an index names it.`
      report(finding('pack_missing', pack, text, blobKeys(groups.blobs(number))))
    } else if (size !== expected()) {
      // Blobs beyond the end are lost; when it is too long, none is.
      const beyond = groups.blobs(number).filter(({ offset, length }) => offset + length > size)
      const text = `Pack ${pack} has ${size} bytes, and ${expected()} by its index.`
      report(finding('pack_size', pack, text, blobKeys(beyond)))
    }
  }
  for (const [pack] of packs) {
    if (indexed.has(pack)) continue
    const message = `No index names pack ${pack}: a writer was stopped before it was done. The next prune removes it.`
    report({
      severity: 'note',
      problem: 'not_indexed',
      file: { kind: 'data', name: pack },
      message,
      blobs: [],
      affects: [],
    })
  }
}

/** The headers of packs against the index: two small reads each. */
export async function checkPackHeaders(
  state: PacksState,
  names: readonly string[],
  options: PackOptions,
): Promise<void> {
  const { repository, packs, report } = state
  const indexed = indexedBlobs(state)
  await forEachConcurrent(names, repository.storage.properties.connections, async (pack) => {
    try {
      const inside = await repository.readPackHeader(pack, { signal: options.signal, size: packs.get(pack) ?? 0 })
      const named = indexed(pack)
      if (named) reportDifferences(pack, compareBlobs(named, inside), report)
    } catch (error) {
      if (!isAppError(error) || error.retryable || error.code === 'storage.denied') throw error
      if (error.code !== 'storage.not_found') report(finding('pack_damaged', pack, messageOf(error)))
    }
    options.progress?.(packs.get(pack) ?? 0)
  })
}

/** Every byte of packs, in worker threads: hash, header, and each blob opened and compared with its id. */
export async function readPacks(state: PacksState, names: readonly string[], options: PackOptions): Promise<void> {
  if (names.length === 0) return
  const { repository, packs, report } = state
  const threads = Math.min(options.workers ?? threadsFor(names, packs), names.length)
  await using pool = threads > 0 ? new VerifyPool(repository.masterKey, threads) : undefined
  const verify = (request: VerifyRequest): Promise<PackReport> | PackReport =>
    pool?.verify(request) ?? verifyPack(request.bytes, { ...request, sealer: repository.sealer })
  const indexed = indexedBlobs(state)
  const memory = packMemory(threads + 1)
  // One more than threads: the next pack is read while all are busy.
  await forEachConcurrent(names, threads + 1, async (pack) => {
    options.signal?.throwIfAborted()
    const into = memory.pop()
    try {
      const bytes = await repository.storage.load({ kind: 'data', name: pack }, { signal: options.signal, into })
      reportPack(pack, await verify({ name: pack, bytes, indexed: indexed(pack) }), report)
    } catch (error) {
      if (!isAppError(error) || error.retryable || error.code === 'storage.denied') throw error
      if (!error.code.startsWith('storage.')) throw error
      if (error.code !== 'storage.not_found')
        report(finding('unreadable', pack, messageOf(error), blobKeys(indexed(pack) ?? [])))
    } finally {
      if (into) memory.push(into)
    }
    options.progress?.(packs.get(pack) ?? 0)
  })
}

/** What packs of the usual size are read into, again and again; threads see it without a copy. */
function packMemory(count: number): Uint8Array[] {
  const bytes = 24 * MiB
  const memory = sharedAlignedMemory(count * bytes)
  return Array.from({ length: count }, (_, i) => new Uint8Array(memory, i * bytes, bytes))
}

function threadsFor(names: readonly string[], packs: ReadonlyMap<string, number>): number {
  const bytes = names.reduce((sum, name) => sum + (packs.get(name) ?? 0), 0)
  return bytes < worthThreads ? 0 : availableParallelism()
}

function reportPack(pack: string, { pack: whole, blobs, differs }: PackReport, report: Report): void {
  if (whole.length > 0) report(finding('pack_damaged', pack, `Pack ${pack} is damaged: ${whole.join('; ')}.`))
  for (const { blob, reason } of blobs) {
    const text = `${blob.type === 'tree' ? 'Tree' : 'Data'} blob ${blob.id} in pack ${pack} is damaged: ${reason}.`
    report(finding('blob_damaged', pack, text, blobKeys([blob])))
  }
  reportDifferences(pack, differs, report)
}

function reportDifferences(pack: string, differs: readonly string[], report: Report): void {
  const [first] = differs
  if (first === undefined) return
  const more = differs.length > 1 ? ` (and ${differs.length - 1} more)` : ''
  report(finding('index_differs', pack, `Pack ${pack} and its index disagree: ${first}${more}.`))
}

function finding(problem: Problem, pack: string, message: string, blobs: readonly string[] = []): Finding {
  return { severity: 'error', problem, file: { kind: 'data', name: pack }, message, blobs, affects: [] }
}

/** Blobs of a pack by its name; `undefined` when no index names it. */
function indexedBlobs({ repository, groups }: PacksState): (pack: string) => PackedBlob[] | undefined {
  const numbers = new Map(repository.index.packs.map((pack, number) => [pack, number]))
  return (pack) => {
    const number = numbers.get(pack)
    return number === undefined ? undefined : groups.blobs(number)
  }
}

function blobKeys(blobs: readonly PackedBlob[]): string[] {
  return blobs.map(({ type, id }) => `${type}:${id}`)
}

const overhead = headerLength([])
const plainEntry = headerLength([{}]) - overhead
const compressedEntry = headerLength([{ uncompressedLength: 1 }]) - overhead

function expectedSize(index: BlobIndex, entries: Uint32Array): number {
  let size = overhead
  for (const entry of entries)
    size += index.storedLength(entry) + (index.isCompressed(entry) ? compressedEntry : plainEntry)
  return size
}
