import { closeSync, constants, openSync, readSync } from 'node:fs'
import { batchBytes, batchState, batchWords, control, type DiskTask } from './protocol.ts'

/** Chunks in memory: `read[first … first + count)` of the plan, one after another, each at a multiple of the chunk size. */
export interface Batch {
  readonly first: number
  readonly count: number
  readonly memory: Uint8Array
}

export interface Batches extends Disposable {
  /** The next batch, valid until the next call; `undefined` at the end or when the session is aborted. */
  next(): Batch | undefined
}

/** A range of the disk could not be read. */
export class ReadFailure extends Error {
  readonly offset: number
  readonly length: number

  constructor(offset: number, length: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.offset = offset
    this.length = length
  }
}

/** @param memory of this thread, for what is read from a file */
export function openBatches(task: DiskTask, controlWords: Int32Array, memory: Uint8Array): Batches {
  return task.input.kind === 'file'
    ? new FileBatches(task, { path: task.input.path, controlWords, memory })
    : new RingBatches(task, task.input, controlWords)
}

/** Takes the next chunks of the plan and reads them from a file with direct I/O, into memory that is used again and again. */
class FileBatches implements Batches {
  readonly #task: DiskTask
  readonly #control: Int32Array
  readonly #read: Uint32Array
  readonly #memory: Uint8Array
  readonly #perBatch: number
  readonly #path: string
  #file: number
  #direct = true

  constructor(task: DiskTask, init: { path: string; controlWords: Int32Array; memory: Uint8Array }) {
    this.#task = task
    this.#control = init.controlWords
    this.#read = new Uint32Array(task.read)
    this.#perBatch = Math.max(1, Math.floor(batchBytes / task.chunkSize))
    this.#memory = init.memory
    this.#path = init.path
    this.#file = this.#open()
  }

  next(): Batch | undefined {
    if (Atomics.load(this.#control, control.abort) !== 0) return undefined
    const first = Atomics.add(this.#control, control.cursor, this.#perBatch)
    const count = Math.min(this.#perBatch, this.#read.length - first)
    if (count <= 0) return undefined
    for (let i = 0; i < count;) {
      // Neighbours are read at once.
      const chunk = this.#read[first + i] ?? 0
      let run = 1
      while (i + run < count && this.#read[first + i + run] === chunk + run) run++
      this.#fill(chunk, run, i * this.#task.chunkSize)
      i += run
    }
    return { first, count, memory: this.#memory }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }

  #fill(chunk: number, chunks: number, at: number): void {
    const offset = chunk * this.#task.chunkSize
    const length = Math.min(chunks * this.#task.chunkSize, this.#task.diskSize - offset)
    for (let done = 0; done < length;) {
      const got = this.#readAt(at + done, chunks * this.#task.chunkSize - done, offset + done)
      if (got === 0) throw new ReadFailure(offset, length, new Error('the file ends too early'))
      done += got
    }
  }

  #readAt(at: number, length: number, position: number): number {
    try {
      return readSync(this.#file, this.#memory, at, length, position)
    } catch (error) {
      if (!this.#direct) throw new ReadFailure(position, length, error)
      // This file system, or this place of the file, wants no direct I/O.
      closeSync(this.#file)
      this.#direct = false
      this.#file = this.#open()
      return this.#readAt(at, length, position)
    }
  }

  #open(): number {
    if (!this.#direct || constants.O_DIRECT === undefined) return openSync(this.#path, constants.O_RDONLY)
    try {
      return openSync(this.#path, constants.O_RDONLY | constants.O_DIRECT)
    } catch {
      // Refused by the file system (tmpfs, some network mounts), or the file can't be opened at all, which the next line tells.
      this.#direct = false
      return openSync(this.#path, constants.O_RDONLY)
    }
  }
}

/** Takes batches that the main thread has read from a source that only it can read. */
class RingBatches implements Batches {
  readonly #control: Int32Array
  readonly #batches: Int32Array
  readonly #memory: SharedArrayBuffer
  readonly #size: number
  #held = -1

  constructor(
    task: DiskTask,
    input: { memory: SharedArrayBuffer; batches: SharedArrayBuffer },
    controlWords: Int32Array,
  ) {
    this.#control = controlWords
    this.#batches = new Int32Array(input.batches)
    this.#memory = input.memory
    this.#size = Math.max(batchBytes, task.chunkSize)
  }

  next(): Batch | undefined {
    this.#giveBack()
    for (;;) {
      const seen = Atomics.load(this.#control, control.filled)
      if (Atomics.load(this.#control, control.abort) !== 0) return undefined
      // Whether it ended is looked at before the batches are: what was filled before the end is then seen.
      const ended = Atomics.load(this.#control, control.ended) !== 0
      const batch = this.#take()
      if (batch) return batch
      if (ended) return undefined
      Atomics.wait(this.#control, control.filled, seen, 1000)
    }
  }

  [Symbol.dispose](): void {
    this.#giveBack()
  }

  #take(): Batch | undefined {
    for (let i = 0; i * batchWords < this.#batches.length; i++) {
      const base = i * batchWords
      if (Atomics.compareExchange(this.#batches, base, batchState.full, batchState.taken) !== batchState.full) continue
      this.#held = i
      return {
        first: this.#batches[base + 1] ?? 0,
        count: this.#batches[base + 2] ?? 0,
        memory: new Uint8Array(this.#memory, i * this.#size, this.#size),
      }
    }
    return undefined
  }

  #giveBack(): void {
    if (this.#held < 0) return
    Atomics.store(this.#batches, this.#held * batchWords, batchState.empty)
    this.#held = -1
    Atomics.add(this.#control, control.emptied, 1)
    Atomics.notify(this.#control, control.emptied)
  }
}
