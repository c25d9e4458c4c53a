import { createHash, type Hash } from 'node:crypto'
import { compressBlob } from '../crypto/compression.ts'
import { release } from '../crypto/memory.ts'
import { Sealer } from '../crypto/seal.ts'
import { readHeader, writeHeader } from '../pack/pack-header.ts'
import type { PackedBlob } from '../pack/blob.ts'
import { control, packedWords, packState, type FromWorker, type WorkerSetup } from './protocol.ts'

/** More blobs are not put in a pack, so that its header always fits behind them. */
const maxBlobs = 4096
const buffers = 2

/** Bytes that a pack buffer needs beyond `target`: a whole chunk and the header. */
export function packCapacity(target: number, chunkSize: number): number {
  return Math.ceil((target + chunkSize + maxBlobs * 41 + 4096) / 65_536) * 65_536
}

/** Seals chunks into packs in shared memory. While the main thread saves one pack, the next is filled. */
export class ChunkPacker {
  readonly #setup: WorkerSetup
  readonly #sealer: Sealer
  readonly #control: Int32Array
  readonly #states: Int32Array
  readonly #post: (message: FromWorker) => void
  #buffer = 0
  #memory!: Uint8Array
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
    this.#open(0)
  }

  /** Adds a chunk that is not stored yet. `false` when the session was aborted. */
  add(entry: number, id: Uint8Array, content: Uint8Array): boolean {
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
    if (this.#blobs.length === 0) return true
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
    Atomics.store(this.#states, this.#buffer, packState.saving)
    this.#post({ type: 'pack', buffer: this.#buffer, length: size, id: this.#hash.digest('hex'), blobs })
    return this.#open((this.#buffer + 1) % buffers)
  }

  /** Waits until the buffer is saved. */
  #open(buffer: number): boolean {
    this.#buffer = buffer
    this.#memory = new Uint8Array(this.#setup.packMemory, buffer * this.#setup.packCapacity, this.#setup.packCapacity)
    this.#length = 0
    this.#blobs = []
    this.#words = []
    this.#hash = createHash('sha256')
    while (Atomics.load(this.#states, buffer) !== packState.free) {
      if (Atomics.load(this.#control, control.abort) !== 0) return false
      Atomics.wait(this.#states, buffer, packState.saving, 1000)
    }
    return true
  }
}
