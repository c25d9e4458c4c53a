import { alignUp, KiB, safeInteger, Semaphore, systemCode, viewOf } from '@nixen/core'
import { stat } from 'node:fs/promises'
import type { WritableDisk } from '../disk-sink.ts'
import type { ChangeToken, DiskSource, Extent, ExtentOptions, IoOptions } from '../disk-source.ts'
import { checkRange, joinExtents } from '../extents.ts'
import type { DiskFile } from '../file.ts'
import { createLocalFile, openLocalFileForWriting } from '../local-file.ts'
import { nbdErrors } from './errors.ts'
import { allocationFlag } from './protocol.ts'
import type { RangedExtents } from './server/exports.ts'
import { statusMapOf } from './server/extent-map.ts'

// The file: a header (magic, version, block size, virtual size), one byte of state for each block from byte 4096 on, then the blocks, each
// at its place. Blocks that were never written are holes.
const magic = 'NIXENOVL'
const version = 1
const headerLength = 4096
/** Bytes that are copied from the source when a part of them is written. */
const blockSize: number = 64 * KiB
/** Part of the states that is written together. */
const statePage = 4096

const state = { base: 0, data: 1, zero: 2 } as const

/** A source with writes kept beside it. The source itself is never changed. */
export interface OverlayDisk extends DiskSource, WritableDisk, RangedExtents {
  /** Token for `extents({ since })`: what was written since the overlay was made. */
  readonly changes: ChangeToken
}

/** The token of {@link OverlayDisk.changes}. */
export const overlayChanges: ChangeToken = 'overlay' as ChangeToken

/**
 * Puts an overlay over a source. An empty file becomes a new overlay, one that was an overlay of a disk of this size goes on with what it holds
 * (`nbd.overlay_mismatch` otherwise). Source and file belong to the overlay from then on.
 */
export async function overlayDisk(
  source: DiskSource,
  file: DiskFile,
  { signal }: IoOptions = {},
): Promise<OverlayDisk> {
  const blocks = Math.ceil(source.size / blockSize)
  const states = new Uint8Array(blocks)
  const size = await file.size()
  if (size === 0) await writeHeader(file, source.size)
  else await readStates(file, { source, size, states, signal })
  return new Overlay(source, file, states)
}

/** The same with a file of this machine, that is made if there is none. */
export async function overlayDiskAt(source: DiskSource, path: string, options: IoOptions = {}): Promise<OverlayDisk> {
  const known = await stat(path).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false
      throw error
    },
  )
  if (!known) {
    await using file = await createLocalFile(path)
    await writeHeader(file, source.size)
    await file.commit()
  }
  const file = await openLocalFileForWriting(path)
  try {
    return await overlayDisk(source, file, options)
  } catch (error) {
    await file[Symbol.asyncDispose]()
    throw error
  }
}

async function writeHeader(file: DiskFile, size: number): Promise<void> {
  const header = new Uint8Array(headerLength)
  header.set(new TextEncoder().encode(magic))
  const view = viewOf(header)
  view.setUint32(8, version)
  view.setUint32(12, blockSize)
  view.setBigUint64(16, BigInt(size))
  await file.write(0, header)
  await file.truncate(dataStart(size))
}

async function readStates(
  file: DiskFile,
  { source, size, states, signal }: { source: DiskSource; size: number; states: Uint8Array } & IoOptions,
): Promise<void> {
  const wrong = (problem: string): Error => nbdErrors.overlay_mismatch({ path: file.path, problem })
  if (size < headerLength + states.length) throw wrong('it is too short')
  const header = new Uint8Array(headerLength)
  await file.read(0, header, { signal })
  const view = viewOf(header)
  if (new TextDecoder('latin1').decode(header.subarray(0, 8)) !== magic) throw wrong('it is something else')
  if (view.getUint32(8) !== version) throw wrong(`its version is ${view.getUint32(8)}`)
  if (view.getUint32(12) !== blockSize) throw wrong(`its blocks have ${view.getUint32(12)} bytes`)
  if (safeInteger(view.getBigUint64(16)) !== source.size) throw wrong('the size of the disk differs')
  await file.read(headerLength, states, { signal })
  if (states.some((value) => value > state.zero)) throw wrong('its table of blocks is damaged')
}

function dataStart(size: number): number {
  return alignUp(headerLength + Math.ceil(size / blockSize), blockSize)
}

class Overlay implements OverlayDisk {
  readonly size: number
  readonly changes = overlayChanges
  readonly #source: DiskSource
  readonly #file: DiskFile
  readonly #states: Uint8Array
  readonly #dataStart: number
  readonly #dirtyPages = new Set<number>()
  #unsynced = false
  /** Held while blocks change their state: two parts of one fresh block must not both start from the source. */
  readonly #changing = new Semaphore(1)
  readonly #flushing = new Semaphore(1)

  constructor(source: DiskSource, file: DiskFile, states: Uint8Array) {
    this.size = source.size
    this.#source = source
    this.#file = file
    this.#states = states
    this.#dataStart = dataStart(source.size)
  }

  extents({ since, signal }: ExtentOptions = {}): AsyncIterable<Extent> {
    return this.extentsWithin(0, this.size, { since, signal })
  }

  extentsWithin(
    offset: number,
    length: number,
    options: IoOptions & { readonly since?: ChangeToken | undefined } = {},
  ): AsyncIterable<Extent> {
    return joinExtents(this.#extentsWithin(offset, length, options))
  }

  async read(offset: number, into: Uint8Array, options: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, into.length)
    for (const run of this.#runs(offset, into.length)) {
      const target = into.subarray(run.offset - offset, run.offset - offset + run.length)
      if (run.state === state.zero) target.fill(0)
      else if (run.state === state.data) await this.#file.read(this.#dataStart + run.offset, target, options)
      else await this.#source.read(run.offset, target, options)
    }
  }

  async write(offset: number, bytes: Uint8Array, options: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, bytes.length)
    this.#unsynced = true
    const inPlace = (): boolean => this.#runs(offset, bytes.length).every((run) => run.state === state.data)
    if (inPlace()) return this.#file.write(this.#dataStart + offset, bytes)
    await this.#changing.run(async () => {
      if (!inPlace()) await this.#copyEdges(offset, bytes.length, options)
      await this.#file.write(this.#dataStart + offset, bytes)
      this.#mark(offset, bytes.length, state.data)
    }, options)
  }

  async zero(offset: number, length: number, options: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, length)
    const end = offset + length
    const first = alignUp(offset, blockSize)
    // The last block of the disk may be short, and is whole all the same.
    const last = end === this.size ? end : end - (end % blockSize)
    if (first >= last) return this.#zeroPart(offset, length, options)
    await this.#zeroPart(offset, first - offset, options)
    await this.#zeroPart(last, end - last, options)
    await this.#changing.run(async () => this.#mark(first, last - first, state.zero), options)
  }

  async flush(options: IoOptions = {}): Promise<void> {
    await this.#flushing.run(async () => {
      if (!this.#unsynced && this.#dirtyPages.size === 0) return
      this.#unsynced = false
      const pages = [...this.#dirtyPages].toSorted((a, b) => a - b)
      this.#dirtyPages.clear()
      const copies = pages.map((page) => this.#states.slice(page * statePage, (page + 1) * statePage))
      try {
        // The blocks before the table that says they count: after a crash in between the table is as it was.
        await this.#file.sync()
        for (const [index, page] of pages.entries()) {
          await this.#file.write(headerLength + page * statePage, copies[index] ?? new Uint8Array(0))
        }
        if (pages.length > 0) await this.#file.sync()
      } catch (error) {
        this.#unsynced = true
        for (const page of pages) this.#dirtyPages.add(page)
        throw error
      }
    }, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.flush()
    } finally {
      await this.#file[Symbol.asyncDispose]()
      await this.#source[Symbol.asyncDispose]()
    }
  }

  async *#extentsWithin(
    offset: number,
    length: number,
    { since, signal }: IoOptions & { readonly since?: ChangeToken | undefined },
  ): AsyncGenerator<Extent> {
    if (since !== undefined && since !== overlayChanges) {
      throw nbdErrors.context_missing({ where: this.#file.path, context: since })
    }
    for (const run of this.#runs(offset, length)) {
      if (run.state !== state.base) {
        yield { offset: run.offset, length: run.length, kind: run.state === state.zero ? 'zero' : 'data' }
      } else if (since === undefined) {
        yield* this.#baseExtents(run.offset, run.length, signal)
      }
    }
  }

  async *#baseExtents(offset: number, length: number, signal: AbortSignal | undefined): AsyncGenerator<Extent> {
    const map = statusMapOf(this.#source)
    for (let at = offset; at < offset + length;) {
      for (const run of await map.query(at, offset + length - at, signal)) {
        yield { offset: at, length: run.length, kind: (run.flags & allocationFlag.zero) === 0 ? 'data' : 'zero' }
        at += run.length
      }
    }
  }

  /** Stretches of one state, cut at the ends of the range. */
  #runs(offset: number, length: number): { offset: number; length: number; state: number }[] {
    const runs: { offset: number; length: number; state: number }[] = []
    const end = offset + length
    for (let at = offset; at < end;) {
      const block = Math.floor(at / blockSize)
      const value = this.#states[block] ?? state.base
      let next = block + 1
      while (next * blockSize < end && this.#states[next] === value) next++
      const stop = Math.min(end, next * blockSize)
      runs.push({ offset: at, length: stop - at, state: value })
      at = stop
    }
    return runs
  }

  /** Completes the blocks that a write begins or ends within, from what they hold now. */
  async #copyEdges(offset: number, length: number, options: IoOptions): Promise<void> {
    const end = offset + length
    const edges = new Set<number>()
    if (offset % blockSize !== 0) edges.add(Math.floor(offset / blockSize))
    if (end % blockSize !== 0 && end !== this.size) edges.add(Math.floor(end / blockSize))
    for (const block of edges) {
      if (this.#states[block] === state.data) continue
      const start = block * blockSize
      const bytes = new Uint8Array(Math.min(blockSize, this.size - start))
      await this.read(start, bytes, options)
      await this.#file.write(this.#dataStart + start, bytes)
    }
  }

  /** Zeros within one block. */
  async #zeroPart(offset: number, length: number, options: IoOptions): Promise<void> {
    if (length === 0) return
    if (this.#runs(offset, length).every((run) => run.state === state.zero)) return
    await this.write(offset, new Uint8Array(length), options)
  }

  #mark(offset: number, length: number, value: number): void {
    const [first, last] = [Math.floor(offset / blockSize), Math.ceil((offset + length) / blockSize)]
    this.#states.fill(value, first, last)
    for (let page = Math.floor(first / statePage); page * statePage < last; page++) this.#dirtyPages.add(page)
  }
}
