import { alignDown, alignUp, isZero } from '@nixen/core'
import {
  bitRuns,
  checkRange,
  type DiskSource,
  type Extent,
  type IoOptions,
  type RangedExtents,
  type WritableDisk,
} from '@nixen/disk'
import type { LiveCbtLog } from '../cbt/cbt-log.ts'
import { Locks, type Gate } from '../locks.ts'
import { readChain, unionMap } from './chain-io.ts'
import type { Image } from './image.ts'
import { blockSize, sectorSize, type Layer } from './layer.ts'

/** Extents are worked out for this many blocks at a time, without holding up changes of the tree. */
const extentStep = 16

/**
 * A disk in use: the images of its chain, open. All I/O passes the gate of the SR, so that the tree can change between two requests;
 * `rebind` then gives it its new chain.
 */
export class LiveDisk implements DiskSource, WritableDisk, RangedExtents {
  readonly uuid: string
  readonly #gate: Gate
  readonly #partial = new Locks<number>()
  #images: readonly Image[] = []
  #chain: readonly Layer[] = []
  /** Follows the writes; the SR opens and closes it. */
  cbt: LiveCbtLog | undefined

  constructor(uuid: string, gate: Gate) {
    this.uuid = uuid
    this.#gate = gate
  }

  /** Virtual size in bytes; grows when the disk is resized. */
  get size(): number {
    return this.#chain[0]?.size ?? 0
  }

  /** Takes another chain and gives back the one before. Nothing may be passing the gate. */
  async rebind(images: readonly Image[]): Promise<void> {
    const chain: Layer[] = []
    try {
      for (const image of images) chain.push(await image.acquire())
    } catch (error) {
      for (const image of images.slice(0, chain.length)) await image.release()
      throw error
    }
    const before = this.#images
    this.#images = images
    this.#chain = chain
    for (const image of before) await image.release()
  }

  async *extents({ signal }: IoOptions = {}): AsyncGenerator<Extent> {
    const { size } = this
    for (let at = 0; at < size; at += extentStep * blockSize) {
      signal?.throwIfAborted()
      yield* await this.#extentsOf(at, Math.min(size, at + extentStep * blockSize))
    }
  }

  async *extentsWithin(offset: number, length: number, { signal }: IoOptions = {}): AsyncGenerator<Extent> {
    const end = offset + length
    for (let at = offset; at < end;) {
      signal?.throwIfAborted()
      const next = Math.min(end, alignDown(at, blockSize) + extentStep * blockSize)
      yield* await this.#extentsOf(at, next)
      at = next
    }
  }

  /** Neighbours of one kind are joined within the range only. */
  async #extentsOf(from: number, to: number): Promise<Extent[]> {
    return await this.#gate.pass(async () => {
      const found: { offset: number; length: number; kind: Extent['kind'] }[] = []
      const add = (start: number, end: number, kind: Extent['kind']): void => {
        const last = found.at(-1)
        if (end <= start) return
        if (last?.kind === kind) last.length += end - start
        else found.push({ offset: start, length: end - start, kind })
      }
      for (let at = from; at < to;) {
        const block = Math.floor(at / blockSize)
        const end = Math.min(to, (block + 1) * blockSize)
        const map = await unionMap(this.#chain, block)
        if (map === undefined || map === 'all') add(at, end, map ? 'data' : 'zero')
        else {
          const base = block * blockSize
          for (const run of bitRuns(map, Math.floor((at - base) / sectorSize), Math.ceil((end - base) / sectorSize))) {
            const start = Math.max(at, base + run.start * sectorSize)
            add(start, Math.min(end, base + run.end * sectorSize), run.set ? 'data' : 'zero')
          }
        }
        at = end
      }
      return found
    })
  }

  async read(offset: number, into: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    checkRange(this.size, offset, into.length)
    await this.#gate.pass(() => readChain(this.#chain, offset, into))
  }

  async write(offset: number, bytes: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    checkRange(this.size, offset, bytes.length)
    if (bytes.length === 0) return
    await this.#gate.pass(() => this.#write(offset, bytes))
  }

  async #write(offset: number, bytes: Uint8Array): Promise<void> {
    await this.cbt?.mark(offset, bytes.length)
    const writes: Promise<void>[] = []
    for (let done = 0; done < bytes.length;) {
      const block = Math.floor((offset + done) / blockSize)
      const start = (offset + done) % blockSize
      const part = bytes.subarray(done, done + blockSize - start)
      writes.push(this.#writeBlock(block, start, part))
      done += part.length
    }
    await Promise.all(writes)
  }

  async #writeBlock(block: number, start: number, bytes: Uint8Array): Promise<void> {
    const granule = this.#chain[0]?.granule ?? sectorSize
    const inBlock = this.size - block * blockSize
    const end = start + bytes.length
    const whole = start % granule === 0 && (end % granule === 0 || end === inBlock)
    if (whole) return await this.#writeSectors(block, start, bytes)
    // Parts of granules: the rest of them is read, and no other such write may come between.
    await this.#partial.run(block, async () => {
      const from = alignDown(start, granule)
      const to = Math.min(alignUp(end, granule), alignUp(inBlock, sectorSize))
      const sectors = new Uint8Array(to - from)
      const offset = block * blockSize + from
      await readChain(this.#chain, offset, sectors.subarray(0, Math.min(sectors.length, this.size - offset)))
      sectors.set(bytes, start - from)
      await this.#writeSectors(block, from, sectors)
    })
  }

  async #writeSectors(block: number, start: number, bytes: Uint8Array): Promise<void> {
    const [leaf] = this.#chain
    const [image] = this.#images
    if (!leaf || !image) throw new TypeError(`The disk ${this.uuid} is closed`)
    await leaf.write(block, start, bytes)
    image.onWrite?.(block)
  }

  async zero(offset: number, length: number, { signal }: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, length)
    const zeros = new Uint8Array(Math.min(length, blockSize))
    for (let at = offset; at < offset + length;) {
      signal?.throwIfAborted()
      const end = Math.min(offset + length, alignDown(at, blockSize) + blockSize)
      const part = { from: at, to: end }
      await this.#gate.pass(() => this.#zeroPart(part.from, zeros.subarray(0, part.to - part.from)))
      at = end
    }
  }

  /** Zeros over what is zeros already take no room. */
  async #zeroPart(offset: number, zeros: Uint8Array): Promise<void> {
    if ((await unionMap(this.#chain, Math.floor(offset / blockSize))) === undefined) return
    const now = new Uint8Array(zeros.length)
    await readChain(this.#chain, offset, now)
    if (!isZero(now)) await this.#write(offset, zeros)
  }

  async flush(): Promise<void> {
    await this.#gate.pass(() => this.sync())
  }

  /** Makes all durable; for those who hold the gate. The log first, so that no change is missing in it. */
  async sync(): Promise<void> {
    await this.cbt?.flush()
    await this.#chain[0]?.sync()
  }

  /** Closes its files. Nothing may be passing the gate. */
  async close(): Promise<void> {
    await this.cbt?.[Symbol.asyncDispose]()
    this.cbt = undefined
    await this.rebind([])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gate.alone(() => this.close())
  }
}
