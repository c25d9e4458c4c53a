import { sharedAlignedMemory, type DiskSource } from '@nixen/disk'
import { chunkLength, type ChunkGrid } from '../backup/chunk-grid.ts'
import type { ChunkPlan } from '../backup/plan-chunks.ts'
import { backupErrors } from '../errors.ts'
import { batchBytes, batchState, batchWords, control, type BatchInput } from '../worker/protocol.ts'

export interface FeedOptions {
  readonly disk: string
  readonly control: Int32Array<SharedArrayBuffer>
  readonly signal: AbortSignal
}

/** A ring of batches between the main thread, which reads a source, and the workers. */
export class BatchRing {
  readonly input: BatchInput
  readonly #memory: SharedArrayBuffer
  readonly #batches: Int32Array<SharedArrayBuffer>
  readonly #size: number
  readonly #count: number

  constructor(count: number, chunkSize: number) {
    this.#count = count
    this.#size = Math.max(batchBytes, chunkSize)
    this.#memory = sharedAlignedMemory(count * this.#size)
    this.#batches = new Int32Array(new SharedArrayBuffer(count * batchWords * 4))
    this.input = { kind: 'ring', memory: this.#memory, batches: this.#batches.buffer }
  }

  /** Reads the chunks of the plan, several batches at once, until all were handed over. Errors: `backup.source_failed`. */
  async feed(source: DiskSource, plan: ChunkPlan, options: FeedOptions): Promise<void> {
    const perBatch = Math.max(1, Math.floor(this.#size / plan.grid.chunkSize))
    let next = 0
    const lane = async (batch: number): Promise<void> => {
      for (;;) {
        await this.#empty(batch, options)
        const first = next
        const count = Math.min(perBatch, plan.read.length - first)
        if (count <= 0 || options.signal.aborted) return
        next += count
        await this.#fill(source, plan, { batch, first, count, ...options })
        this.#batches[batch * batchWords + 1] = first
        this.#batches[batch * batchWords + 2] = count
        Atomics.store(this.#batches, batch * batchWords, batchState.full)
        wake(options.control, control.filled)
      }
    }
    try {
      await Promise.all(Array.from({ length: this.#count }, (_, batch) => lane(batch)))
    } finally {
      Atomics.store(options.control, control.ended, 1)
      wake(options.control, control.filled)
    }
  }

  async #empty(batch: number, { control: words, signal }: FeedOptions): Promise<void> {
    for (;;) {
      const seen = Atomics.load(words, control.emptied)
      if (signal.aborted || Atomics.load(words, control.abort) !== 0) return
      if (Atomics.load(this.#batches, batch * batchWords) === batchState.empty) return
      const wait = Atomics.waitAsync(words, control.emptied, seen, 1000)
      if (wait.async) await wait.value
    }
  }

  async #fill(
    source: DiskSource,
    { grid, read }: ChunkPlan,
    { batch, first, count, disk, signal }: FeedOptions & { batch: number; first: number; count: number },
  ): Promise<void> {
    for (let i = 0; i < count;) {
      const chunk = read[first + i] ?? 0
      let run = 1
      while (i + run < count && read[first + i + run] === chunk + run) run++
      const offset = chunk * grid.chunkSize
      const length = runLength(grid, chunk, run)
      const into = new Uint8Array(this.#memory, batch * this.#size + i * grid.chunkSize, length)
      try {
        await source.read(offset, into, { signal })
      } catch (error) {
        signal.throwIfAborted()
        throw backupErrors.source_failed({ disk, offset, length }, { cause: error })
      }
      i += run
    }
  }
}

function runLength(grid: ChunkGrid, chunk: number, run: number): number {
  return (run - 1) * grid.chunkSize + chunkLength(grid, chunk + run - 1)
}

function wake(words: Int32Array<SharedArrayBuffer>, word: number): void {
  Atomics.add(words, word, 1)
  Atomics.notify(words, word)
}
