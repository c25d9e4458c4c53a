import type { DiskSink } from '../disk-sink.ts'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { checkRange } from '../extents.ts'
import type { DiskFile } from '../file.ts'
import type { CreateImageOptions } from '../format.ts'
import { readSettings } from '../settings.ts'
import { clusterCompressor, type ClusterCompressor } from './codec.ts'
import { EntryTable } from './entries.ts'
import { encodeHeader, type Qcow2Compression } from './header.ts'
import { HostSpace } from './host-space.ts'
import { CompressedArea } from './compressed-area.ts'

/** The settings of a qcow2 that is written; always version 3. */
export const qcow2Settings = {
  /** Bytes, a power of two. */
  clusterSize: {
    kind: 'number',
    valid: (value: number) => Number.isInteger(Math.log2(value)) && value >= 512 && value <= 2 * 1024 * 1024,
    rule: 'it is a power of two from 512 to 2097152',
    default: 65_536,
  },
  compression: { kind: 'choice', of: ['none', 'zlib', 'zstd'], default: 'none' },
} as const

/** What a qcow2 is to become, checked. */
export interface Qcow2Plan {
  readonly size: number
  readonly clusterBits: number
  readonly clusterSize: number
  readonly compression: Qcow2Compression | 'none'
  readonly l1Size: number
  readonly l1Clusters: number
}

/** Bytes of the largest first table that QEMU reads. */
const largestL1 = 32 * 1024 * 1024

/** Checks the size and the settings. */
export function planQcow2(size: number, settings: CreateImageOptions['settings']): Qcow2Plan {
  const { clusterSize, compression } = readSettings('qcow2', settings, qcow2Settings)
  if (size % 512 !== 0) throw diskErrors.bad_size({ size, reason: 'a qcow2 has whole sectors of 512 bytes' })
  const covered = clusterSize * (clusterSize / 8)
  const limit = (largestL1 / 8) * covered
  if (size > limit) throw diskErrors.too_large({ path: 'The qcow2', what: 'the disk', size, limit })
  const l1Size = Math.max(1, Math.ceil(size / covered))
  const l1Clusters = Math.ceil((l1Size * 8) / clusterSize)
  return { size, clusterBits: Math.log2(clusterSize), clusterSize, compression, l1Size, l1Clusters }
}

/** A sink that makes a qcow2 in an empty file. */
export async function createQcow2(file: DiskFile, { size, settings }: CreateImageOptions): Promise<DiskSink> {
  return new Qcow2Sink(file, planQcow2(size, settings))
}

/** Second tables in memory, in bytes: 16 MiB cover 128 GiB of a disk with clusters of 64 KiB. */
const tableMemory = 16 * 1024 * 1024

class Qcow2Sink implements DiskSink {
  readonly size: number
  readonly order = 'any'
  readonly granularity: number | undefined
  readonly #file: DiskFile
  readonly #plan: Qcow2Plan
  readonly #space: HostSpace
  readonly #compressed: CompressedArea
  readonly #compressor: ClusterCompressor | undefined
  readonly #l1: EntryTable
  readonly #l1Offset: number
  /** Second tables that are in memory; the others are in the file. */
  readonly #tables = new Map<number, EntryTable>()
  readonly #loading = new Map<number, Promise<void>>()
  readonly #storing = new Map<number, Promise<void>>()
  #failure: Error | undefined

  constructor(file: DiskFile, plan: Qcow2Plan) {
    this.#file = file
    this.#plan = plan
    this.size = plan.size
    this.granularity = plan.compression === 'none' ? undefined : plan.clusterSize
    this.#space = new HostSpace(file, plan.clusterSize)
    if (plan.compression !== 'none') this.#compressor = clusterCompressor(plan.compression, plan.clusterSize)
    this.#compressed = new CompressedArea(file, this.#space, plan.clusterSize)
    this.#l1 = new EntryTable(new Uint8Array(plan.l1Clusters * plan.clusterSize))
    // The header, then the first table, then everything else as it comes.
    this.#space.allocate(1)
    this.#l1Offset = this.#space.allocate(plan.l1Clusters)
  }

  async write(offset: number, bytes: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    checkRange(this.size, offset, bytes.length)
    const { clusterSize } = this.#plan
    const compressor = this.#compressor
    if (compressor) {
      const parts = Array.from({ length: Math.ceil(bytes.length / clusterSize) }, (_, i) => i * clusterSize)
      await Promise.all(
        parts.map((at) => this.#writeCompressed(offset + at, bytes.subarray(at, at + clusterSize), compressor)),
      )
    } else {
      for (const { start, end, host } of await this.#place(offset, bytes.length)) {
        await this.#file.write(host, bytes.subarray(start, end))
      }
    }
    await this.#space.spill(this.#compressed.complete)
  }

  /** Gives every cluster of a range a place in the file; neighbours in both are one piece. */
  async #place(offset: number, length: number): Promise<{ start: number; end: number; host: number }[]> {
    const { clusterSize } = this.#plan
    const pieces: { start: number; end: number; host: number }[] = []
    for (let done = 0; done < length;) {
      const cluster = Math.floor((offset + done) / clusterSize)
      const { table, index } = await this.#entry(cluster)
      if (table.isEmpty(index)) table.setCopied(index, this.#space.allocate(1))
      const within = (offset + done) % clusterSize
      const host = table.offset(index) + within
      const end = Math.min(done + clusterSize - within, length)
      const last = pieces.at(-1)
      if (last && last.host + last.end - last.start === host) last.end = end
      else pieces.push({ start: done, end, host })
      done = end
    }
    return pieces
  }

  async #writeCompressed(offset: number, bytes: Uint8Array, compressor: ClusterCompressor): Promise<void> {
    const { clusterSize, clusterBits } = this.#plan
    if (offset % clusterSize !== 0 || (bytes.length < clusterSize && offset + bytes.length < this.size)) {
      throw diskErrors.bad_size({ size: bytes.length, reason: 'compressed qcow2 is written in whole clusters' })
    }
    let cluster = bytes
    if (bytes.length < clusterSize) {
      cluster = new Uint8Array(clusterSize)
      cluster.set(bytes)
    }
    const packed = await compressor.compress(cluster)
    if (packed.length >= clusterSize) {
      for (const { start, end, host } of await this.#place(offset, cluster.length)) {
        await this.#file.write(host, cluster.subarray(start, end))
      }
      return
    }
    const host = await this.#compressed.append(packed)
    const { table, index } = await this.#entry(offset / clusterSize)
    table.setCompressed(index, { host, length: packed.length, clusterBits })
  }

  async zero(offset: number, length: number, { signal }: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, length)
    const { clusterSize } = this.#plan
    const covered = clusterSize * (clusterSize / 8)
    for (let at = offset; at < offset + length;) {
      signal?.throwIfAborted()
      if (this.#l1.offset(Math.floor(at / covered)) === 0) {
        at = (Math.floor(at / covered) + 1) * covered
        continue
      }
      const cluster = Math.floor(at / clusterSize)
      const end = Math.min((cluster + 1) * clusterSize, offset + length)
      const { table, index } = await this.#entry(cluster)
      if (!table.isEmpty(index) && this.granularity === undefined)
        await this.#file.write(table.offset(index) + (at % clusterSize), new Uint8Array(end - at))
      at = end
    }
  }

  /** The table of a cluster, in memory. The caller uses it before it waits again: later it may be stored and forgotten. */
  async #entry(cluster: number): Promise<{ table: EntryTable; index: number }> {
    const perTable = this.#plan.clusterSize / 8
    const number = Math.floor(cluster / perTable)
    for (;;) {
      const table = this.#tables.get(number)
      if (table) return { table, index: cluster % perTable }
      await this.#bring(number)
    }
  }

  async #bring(number: number): Promise<void> {
    await this.#storing.get(number)
    const offset = this.#l1.offset(number)
    if (offset === 0) {
      this.#l1.setCopied(number, this.#space.allocate(1))
      this.#tables.set(number, new EntryTable(new Uint8Array(this.#plan.clusterSize)))
    } else if (!this.#tables.has(number)) {
      const loading = this.#loading.get(number) ?? this.#load(number, offset)
      this.#loading.set(number, loading)
      await loading
    }
    this.#forgetSome(number)
  }

  async #load(number: number, offset: number): Promise<void> {
    const bytes = new Uint8Array(this.#plan.clusterSize)
    await this.#file.read(offset, bytes)
    this.#tables.set(number, new EntryTable(bytes))
    this.#loading.delete(number)
  }

  /** Stores the tables that were there longest when there are too many. */
  #forgetSome(keep: number): void {
    for (const [number, table] of this.#tables) {
      if (this.#tables.size <= Math.max(4, tableMemory / this.#plan.clusterSize)) return
      if (number === keep) continue
      this.#tables.delete(number)
      const storing = this.#file.write(this.#l1.offset(number), table.bytes).finally(() => this.#storing.delete(number))
      // Whoever needs the table, and finish, see the failure.
      storing.catch((error: Error) => (this.#failure ??= error))
      this.#storing.set(number, storing)
    }
  }

  async finish({ signal }: IoOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    await this.#compressed.flush()
    await Promise.all(this.#storing.values())
    if (this.#failure) throw this.#failure
    for (const [number, table] of this.#tables) await this.#file.write(this.#l1.offset(number), table.bytes)
    await this.#file.write(this.#l1Offset, this.#l1.bytes)
    const { offset, clusters } = await this.#space.finish()
    const { size, clusterBits, l1Size } = this.#plan
    const compression = this.#plan.compression === 'none' ? 'zlib' : this.#plan.compression
    const places = { l1Offset: this.#l1Offset, refcountTableOffset: offset, refcountTableClusters: clusters }
    await this.#file.write(0, encodeHeader({ size, clusterBits, l1Size, compression, ...places }))
    // The last cluster may not have been written to its end.
    await this.#file.truncate(this.#space.end)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#compressor?.[Symbol.dispose]()
    await this.#file[Symbol.asyncDispose]()
  }
}
