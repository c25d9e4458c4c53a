import { safeInteger, viewOf } from '@nixen/core'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { checkWithin, type DiskFile } from '../file.ts'
import { checksumWithout } from './crc32c.ts'
import { readGuid } from './guid.ts'

/** Longest log that is replayed; Hyper-V and QEMU make one of 1 MiB. */
const maxLog = 16 * 1024 * 1024
const sectorSize = 4096
const headerLength = 64
const descriptorLength = 32
const signature = { entry: 'loge', zero: 'zero', data: 'desc', dataSector: 'data' } as const

/** A change that the log has and the file may lack; without `bytes` zeros. */
interface Change {
  readonly offset: number
  readonly length: number
  readonly bytes: Uint8Array | undefined
}

interface LogEntry {
  /** Where it begins in the log. */
  readonly at: number
  readonly length: number
  readonly tail: number
  readonly sequence: bigint
  readonly flushedSize: number
  readonly lastSize: number
  readonly changes: readonly Change[]
}

/**
 * Reads the log of a file that was not closed properly and finds what has to be replayed (MS-VHDX 2.3.3). The file itself is left as it is. Errors:
 * `disk.corrupt` when no valid sequence of entries is found.
 */
export async function readLog(
  file: DiskFile,
  log: { readonly id: string; readonly offset: number; readonly length: number },
  { signal }: IoOptions = {},
): Promise<ReplayedFile> {
  const { path } = file
  const size = await file.size()
  if (log.length > maxLog) throw diskErrors.too_large({ path, what: 'its log', size: log.length, limit: maxLog })
  checkWithin(path, size, log)
  const bytes = new Uint8Array(log.length)
  await file.read(log.offset, bytes, { signal })
  const sequence = activeSequence(findEntries(bytes, log.id), log.length)
  const head = sequence?.at(-1)
  if (!sequence || !head) throw diskErrors.corrupt({ path, what: 'it was not closed properly, and its log is damaged' })
  if (head.flushedSize > size) throw diskErrors.truncated({ path, expected: head.flushedSize, received: size })
  return new ReplayedFile(
    file,
    Math.max(size, head.lastSize),
    sequence.flatMap(({ changes }) => changes),
  )
}

/** All valid entries, by where they begin. */
function findEntries(log: Uint8Array, id: string): Map<number, LogEntry> {
  const found = new Map<number, LogEntry>()
  // Valid entries do not overlap, remains of old ones may. A log that is made to overlap everywhere would take hours to check.
  let left = 8 * log.length
  for (let at = 0; at + sectorSize <= log.length && left > 0; at += sectorSize) {
    if (text(log, at) !== signature.entry) continue
    left -= viewOf(log).getUint32(at + 8, true)
    const entry = parseEntry(log, at, id)
    if (entry) found.set(at, entry)
  }
  return found
}

/** The entries from the tail of the newest one that has all of them. */
function activeSequence(entries: ReadonlyMap<number, LogEntry>, logLength: number): LogEntry[] | undefined {
  const newestFirst = [...entries.values()].toSorted((a, b) => (a.sequence < b.sequence ? 1 : -1))
  for (const head of newestFirst) {
    const sequence: LogEntry[] = []
    let entry = entries.get(head.tail)
    while (entry && sequence.length <= entries.size) {
      const last = sequence.at(-1)
      if (last && entry.sequence !== last.sequence + 1n) break
      sequence.push(entry)
      if (entry === head) return sequence
      entry = entries.get((entry.at + entry.length) % logLength)
    }
  }
  return undefined
}

function parseEntry(log: Uint8Array, at: number, id: string): LogEntry | undefined {
  const head = viewOf(log.subarray(at, at + headerLength))
  const length = head.getUint32(8, true)
  if (length < sectorSize || length % sectorSize !== 0 || length > log.length) return undefined
  // The log is a ring.
  const bytes =
    at + length <= log.length
      ? log.subarray(at, at + length)
      : Buffer.concat([log.subarray(at), log.subarray(0, at + length - log.length)])
  if (readGuid(bytes.subarray(32, 48)) !== id || checksumWithout(bytes, 4) !== head.getUint32(4, true)) return undefined
  const sequence = head.getBigUint64(16, true)
  const [flushedSize, lastSize] = [safeInteger(head.getBigUint64(48, true)), safeInteger(head.getBigUint64(56, true))]
  const changes = parseChanges(bytes, sequence, head.getUint32(24, true))
  if (!changes || flushedSize === undefined || lastSize === undefined) return undefined
  return { at, length, tail: head.getUint32(12, true), sequence, flushedSize, lastSize, changes }
}

function parseChanges(bytes: Uint8Array, sequence: bigint, count: number): Change[] | undefined {
  const view = viewOf(bytes)
  let data = Math.ceil((headerLength + count * descriptorLength) / sectorSize) * sectorSize
  if (data > bytes.length) return undefined
  const changes: Change[] = []
  for (let index = 0; index < count; index++) {
    const at = headerLength + index * descriptorLength
    const offset = safeInteger(view.getBigUint64(at + 16, true))
    if (offset === undefined || offset % sectorSize !== 0) return undefined
    if (view.getBigUint64(at + 24, true) !== sequence) return undefined
    if (text(bytes, at) === signature.zero) {
      const length = safeInteger(view.getBigUint64(at + 8, true))
      if (length === undefined || !Number.isSafeInteger(offset + length)) return undefined
      changes.push({ offset, length, bytes: undefined })
    } else if (text(bytes, at) === signature.data) {
      const sector = dataSector(bytes, { data, descriptor: at, sequence })
      if (!sector) return undefined
      changes.push({ offset, length: sectorSize, bytes: sector })
      data += sectorSize
    } else return undefined
  }
  return changes
}

/** A data sector: its first eight and last four bytes are kept in the descriptor, where signature and sequence number are in the log. */
function dataSector(
  bytes: Uint8Array,
  { data, descriptor, sequence }: { data: number; descriptor: number; sequence: bigint },
): Uint8Array | undefined {
  if (data + sectorSize > bytes.length || text(bytes, data) !== signature.dataSector) return undefined
  const view = viewOf(bytes)
  const high = BigInt(view.getUint32(data + 4, true)) << 32n
  if ((high | BigInt(view.getUint32(data + 4092, true))) !== sequence) return undefined
  const sector = bytes.slice(data, data + sectorSize)
  sector.set(bytes.subarray(descriptor + 8, descriptor + 16))
  sector.set(bytes.subarray(descriptor + 4, descriptor + 8), 4092)
  return sector
}

function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4))
}

/** A file as it would be after its log was written to it. */
export class ReplayedFile {
  readonly path: string
  readonly #file: DiskFile
  readonly #size: number
  readonly #changes: readonly Change[]

  constructor(file: DiskFile, size: number, changes: readonly Change[] = []) {
    this.path = file.path
    this.#file = file
    this.#size = size
    this.#changes = changes
  }

  /** How many changes the log holds. */
  get changes(): number {
    return this.#changes.length
  }

  get size(): number {
    return this.#size
  }

  /** Fills `into`; `disk.truncated` when it is not all in the file. */
  async read(offset: number, into: Uint8Array, options?: IoOptions): Promise<void> {
    checkWithin(this.path, this.#size, { offset, length: into.length })
    const stored = Math.max(0, Math.min(into.length, (await this.#file.size()) - offset))
    if (stored > 0) await this.#file.read(offset, into.subarray(0, stored), options)
    into.fill(0, stored)
    for (const change of this.#changes) {
      const from = Math.max(offset, change.offset)
      const to = Math.min(offset + into.length, change.offset + change.length)
      if (from >= to) continue
      if (change.bytes) into.set(change.bytes.subarray(from - change.offset, to - change.offset), from - offset)
      else into.fill(0, from - offset, to - offset)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }
}
