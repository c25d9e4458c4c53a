import { ByteReader, isAppError, type ByteStream } from '@nixen/core'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import type { DecodeOptions, DiskPart, DiskStream } from '../format.ts'
import { decompressCluster } from './codec.ts'
import { EntryTable } from './entries.ts'
import { decodeHeader, type Qcow2Header } from './header.ts'
import { checkL1, describeQcow2 } from './qcow2-image.ts'

/**
 * Reads a qcow2 that comes as a stream. Each table has to come before what it refers to, as in what `qemu-img convert` and this program
 * write; `disk.not_streamable` otherwise, when a cluster is found to be past. Memory grows with the clusters that are scattered.
 */
export async function decodeQcow2(
  stream: ByteStream,
  { name = 'The stream' }: DecodeOptions = {},
): Promise<DiskStream> {
  const reader = new Forward(new ByteReader(stream), name)
  // The smallest cluster: the name of a backing file may follow.
  const first = (await reader.take(512)).slice()
  const header = decodeHeader(first, name)
  if (header.backing) throw diskErrors.not_streamable({ path: name, what: `it builds on "${header.backing.name}"` })
  return {
    size: header.size,
    order: 'any',
    info: describeQcow2(header),
    parts: (options) => new Decoding(reader, header, name).parts(options),
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  }
}

/** Something of the stream that is waited for. Runs of clusters are neighbours in the file and on the disk. */
type Awaited =
  | { readonly kind: 'l1'; readonly host: number; readonly length: number }
  | { readonly kind: 'l2'; readonly host: number; readonly length: number; readonly guest: number }
  | { readonly kind: 'data'; readonly host: number; length: number; readonly guest: number }
  | { readonly kind: 'compressed'; readonly host: number; readonly length: number; readonly guest: number }

/** Most of a run that is handed out at once. */
const largestPart = 2 * 1024 * 1024

class Decoding {
  readonly #reader: Forward
  readonly #header: Qcow2Header
  readonly #name: string
  /** Sorted by place, the last first. */
  #queue: Awaited[] = []

  constructor(reader: Forward, header: Qcow2Header, name: string) {
    this.#reader = reader
    this.#header = header
    this.#name = name
  }

  async *parts({ signal }: IoOptions = {}): AsyncGenerator<DiskPart> {
    const { clusterSize, size, l1Offset } = this.#header
    const entries = Math.ceil(size / (clusterSize * (clusterSize / 8)))
    if (entries > 0) this.#await([{ kind: 'l1', host: l1Offset, length: entries * 8 }])
    for (let next = this.#queue.pop(); next; next = this.#queue.pop()) {
      signal?.throwIfAborted()
      switch (next.kind) {
        case 'l1':
          this.#readL1((await this.#reader.at(next.host, next.length)).slice())
          break
        case 'l2':
          this.#readL2((await this.#reader.at(next.host, next.length)).slice(), next)
          break
        case 'data':
          yield* this.#data(next)
          break
        case 'compressed':
          yield await this.#compressed(next)
      }
    }
    // What follows is free, but the sender has to be let go on to its end.
    await this.#reader.drain()
  }

  async *#data(run: Extract<Awaited, { kind: 'data' }>): AsyncGenerator<DiskPart> {
    for (let done = 0; done < run.length; done += largestPart) {
      const guest = run.guest + done
      const length = Math.min(largestPart, run.length - done)
      const bytes = await this.#reader.at(run.host + done, length, {
        slack: done + length === run.length ? this.#header.clusterSize - 1 : 0,
      })
      yield { offset: guest, bytes: bytes.subarray(0, this.#header.size - guest) }
    }
  }

  async #compressed({ host, length, guest }: Extract<Awaited, { kind: 'compressed' }>): Promise<DiskPart> {
    const { compression, clusterSize, size } = this.#header
    const cluster = await decompressCluster(
      await this.#reader.at(host, length, { slack: 511 }),
      compression,
      clusterSize,
    )
    if (!cluster)
      throw diskErrors.corrupt({ path: this.#name, what: 'a compressed cluster does not decompress', offset: host })
    return { offset: guest, bytes: cluster.subarray(0, size - guest) }
  }

  #readL1(bytes: Uint8Array): void {
    const { clusterSize } = this.#header
    const l1 = new EntryTable(bytes)
    checkL1(l1, this.#header, { path: this.#name, fileSize: Infinity })
    const found: Awaited[] = []
    for (let index = 0; index < l1.length; index++) {
      const host = l1.offset(index)
      if (host !== 0)
        found.push({ kind: 'l2', host, length: clusterSize, guest: index * clusterSize * (clusterSize / 8) })
    }
    this.#await(found)
  }

  #readL2(bytes: Uint8Array, { host: tableOffset, guest }: Extract<Awaited, { kind: 'l2' }>): void {
    const { clusterSize, size } = this.#header
    const table = new EntryTable(bytes)
    const found: Awaited[] = []
    for (let index = 0; index < table.length; index++) {
      const offset = guest + index * clusterSize
      const at = table.mapping(index, this.#header, { path: this.#name, tableOffset })
      const last = found.at(-1)
      if (offset >= size) break
      if (at.kind === 'compressed') found.push({ kind: 'compressed', host: at.host, length: at.length, guest: offset })
      if (at.kind !== 'data') continue
      const isNext = last?.kind === 'data' && last.host + last.length === at.host && last.guest + last.length === offset
      if (isNext) last.length += clusterSize
      else found.push({ kind: 'data', host: at.host, length: clusterSize, guest: offset })
    }
    this.#await(found)
  }

  #await(found: Awaited[]): void {
    const early = found.find(({ host }) => host < this.#reader.oldest)
    if (early) {
      throw diskErrors.not_streamable({
        path: this.#name,
        what: `the cluster at byte ${early.host} came before the table that names it`,
      })
    }
    if (found.length === 0) return
    found.sort((a, b) => b.host - a.host)
    this.#queue = merge(this.#queue, found)
  }
}

/** Merges two lists that are sorted by place, the last first. */
function merge(a: readonly Awaited[], b: readonly Awaited[]): Awaited[] {
  const merged: Awaited[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const left = a[i]
    const right = b[j]
    const next = left && (!right || left.host >= right.host) ? left : right
    if (next === left) i++
    else j++
    if (next) merged.push(next)
  }
  return merged
}

/** Reads what lies at an offset of a stream. Compressed clusters share sectors, so the last bytes can be read again. */
class Forward {
  readonly #reader: ByteReader
  readonly #name: string
  /** The last bytes that were read, up to the reader's position. */
  #kept: Uint8Array = new Uint8Array(0)

  constructor(reader: ByteReader, name: string) {
    this.#reader = reader
    this.#name = name
  }

  /** The first offset that can still be read. */
  get oldest(): number {
    return this.#reader.position - this.#kept.length
  }

  async take(length: number): Promise<Uint8Array> {
    return await this.at(this.#reader.position, length)
  }

  /** The stream may end up to `slack` bytes before, as files may within their last cluster: what is missing is zeros. */
  async at(offset: number, length: number, { slack = 0 }: { slack?: number } = {}): Promise<Uint8Array> {
    if (offset < this.oldest) {
      throw diskErrors.not_streamable({
        path: this.#name,
        what: `its parts overlap or are out of order at byte ${offset}`,
      })
    }
    const overlap = Math.max(0, this.#reader.position - offset)
    const again = this.#kept.subarray(this.#kept.length - overlap, this.#kept.length - overlap + length)
    const missing = length - again.length
    let fresh: Uint8Array = new Uint8Array(0)
    try {
      if (overlap === 0) await this.#reader.skip(offset - this.#reader.position)
      if (missing > 0) fresh = await this.#reader.readUpTo(missing)
    } catch (error) {
      if (!isAppError(error, 'stream.truncated')) throw error
      throw diskErrors.truncated(
        { path: this.#name, expected: offset + length, received: this.#reader.position },
        { cause: error },
      )
    }
    if (missing - fresh.length > slack) {
      throw diskErrors.truncated({ path: this.#name, expected: offset + length, received: this.#reader.position })
    }
    if (again.length === 0 && fresh.length === length) {
      this.#kept = fresh.slice(-512)
      return fresh
    }
    const bytes = new Uint8Array(length)
    bytes.set(again)
    bytes.set(fresh, again.length)
    if (fresh.length > 0)
      this.#kept = bytes.slice(Math.max(0, again.length + fresh.length - 512), again.length + fresh.length)
    return bytes
  }

  async drain(): Promise<void> {
    while ((await this.#reader.some()) !== undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]()
  }
}
