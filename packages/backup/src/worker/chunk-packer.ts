import { createHash, type Hash } from 'node:crypto'
import { compressBlob } from '../crypto/compression.ts'
import { release } from '../crypto/memory.ts'
import { Sealer } from '../crypto/seal.ts'
import { readHeader, writeHeader } from '../pack/pack-header.ts'
import type { PackedBlob } from '../pack/blob.ts'
import { control, packedWords, packState, type FromWorker, type WorkerSetup } from './protocol.ts'

/** More blobs are not put in a pack, so that its header always fits behind them. */
const maxBlobs = 4096

/** Bytes that a pack buffer needs beyond `target`: a whole chunk and the header. */
export function packCapacity(target: number, chunkSize: number): number {
  return Math.ceil((target + chunkSize + maxBlobs * 41 + 4096) / 65_536) * 65_536
}

/** Seals chunks into packs in shared memory. While the main thread saves one pack, the next is filled in another buffer. */
export class ChunkPacker {
  readonly #setup: WorkerSetup
  readonly #sealer: Sealer
  readonly #control: Int32Array
  readonly #states: Int32Array
  readonly #post: (message: FromWorker) => void
  #buffer = -1
  #memory: Uint8Array = new Uint8Array(0)
  #length = 0
  #blobs: PackedBlob[] = []
  #words: number[] = []
  #hash: Hash = createHash('sha256')

  constructor(setup: WorkerSetup, post: (message: FromWorker) => void) {
    this.#setup = setup
    this.#post = post
    this.#sealer = new Sealer(setup.key)
    this.#control = new Int32Array(setup.control)
    this.#states = new Int32Array(setup.packStates)
  }

  /** Adds a chunk that is not stored yet. `false` when the session was aborted. */
  add(entry: number, id: Uint8Array, content: Uint8Array): boolean {
    if (this.#buffer < 0 && !this.#open()) return false
    const compressed = compressBlob(content)
    const offset = this.#length
    const length = this.#sealer.sealInto(compressed ?? content, this.#memory.subarray(offset))
    if (compressed) release(compressed)
    this.#hash.update(this.#memory.subarray(offset, offset + length))
    this.#length += length
    const uncompressedLength = compressed ? content.length : undefined
    this.#blobs.push({ type: 'data', id: Buffer.from(id).toString('hex'), offset, length, uncompressedLength })
    this.#words.push(entry, offset, length, uncompressedLength ?? 0)
    if (this.#length < this.#setup.packTarget && this.#blobs.length < maxBlobs) return true
    return this.close()
  }

  /** Closes the open pack and hands it over. `false` when the session was aborted. */
  close(): boolean {
    if (this.#buffer < 0 || this.#blobs.length === 0) return true
    const tail = this.#memory.subarray(this.#length)
    const length = writeHeader(this.#blobs, this.#sealer, tail)
    const header = tail.subarray(0, length)
    this.#hash.update(header)
    const size = this.#length + length
    const read = readHeader(header, size, this.#sealer)
    if (!('blobs' in read) || read.blobs.length !== this.#blobs.length)
      throw new Error('the header of a pack does not decode')
    if (this.#words.length !== this.#blobs.length * packedWords) throw new Error('a pack lost count of its blobs')
    const blobs = Uint32Array.from(this.#words)
    this.#post({ type: 'pack', buffer: this.#buffer, length: size, id: this.#hash.digest('hex'), blobs })
    this.#buffer = -1
    return true
  }

  /** Takes a free buffer; waits until one was saved. */
  #open(): boolean {
    for (;;) {
      const seen = Atomics.load(this.#control, control.saved)
      if (Atomics.load(this.#control, control.abort) !== 0) return false
      for (let buffer = 0; buffer < this.#states.length; buffer++) {
        if (Atomics.compareExchange(this.#states, buffer, packState.free, packState.taken) !== packState.free) continue
        this.#begin(buffer)
        return true
      }
      Atomics.wait(this.#control, control.saved, seen, 1000)
    }
  }

  #begin(buffer: number): void {
    const { packMemory, packCapacity: capacity } = this.#setup
    this.#buffer = buffer
    this.#memory = new Uint8Array(packMemory, buffer * capacity, capacity)
    this.#length = 0
    this.#blobs = []
    this.#words = []
    this.#hash = createHash('sha256')
  }
}
