import { Worker } from 'node:worker_threads'
import { messageOf } from '@nixen/core'
import { sharedAlignedMemory } from '@nixen/disk'
import { backupErrors } from '../errors.ts'
import type { IndexWriter } from '../index/index-writer.ts'
import type { BlobIndex } from '../index/blob-index.ts'
import { savePack } from '../pack/pack-writer.ts'
import type { PackedBlob } from '../pack/blob.ts'
import type { Repository } from '../repository/repository.ts'
import type { ChunkPlan } from '../backup/plan-chunks.ts'
import { packCapacity } from '../worker/chunk-packer.ts'
import {
  batchBytes,
  control,
  packedWords,
  packState,
  type BatchInput,
  type FromWorker,
  type ToWorker,
  type WorkerSetup,
  workerLimits,
} from '../worker/protocol.ts'

/** Pack buffers beyond one a worker, so that no worker need wait for the storage: more where more calls at once make sense. */
function spareBuffers(workers: number, connections: number): number {
  return Math.min(workers, Math.max(1, Math.ceil(connections / 4)))
}

export interface ChunkPoolOptions {
  readonly workers: number
  readonly packTarget: number
  /** The longest chunk of all disks. */
  readonly maxChunk: number
  readonly signal: AbortSignal
}

/** What was stored so far. */
export interface StoredTotals {
  /** New blobs. */
  blobs: number
  /** Their plain bytes. */
  plainBytes: number
  /** Bytes of packs. */
  storedBytes: number
  packs: number
}

/** The worker threads of one backup. Their packs are saved by the main thread, and named to `indexWriter` when they are durable. */
export class ChunkPool implements AsyncDisposable {
  readonly control = new Int32Array(new SharedArrayBuffer(control.words * 4))
  readonly totals: StoredTotals = { blobs: 0, plainBytes: 0, storedBytes: 0, packs: 0 }
  readonly #repository: Repository
  readonly #index: BlobIndex
  readonly #indexWriter: IndexWriter
  readonly #options: ChunkPoolOptions
  readonly #capacity: number
  readonly #packMemory: SharedArrayBuffer
  readonly #packStates: Int32Array<SharedArrayBuffer>
  readonly #workers: Worker[] = []
  readonly #saves = new Set<Promise<void>>()
  readonly #failed = Promise.withResolvers<never>()
  /** Messages a member still has to answer. */
  readonly #answers = new Map<Worker, () => void>()
  #disk = ''

  constructor(
    { repository, indexWriter }: { repository: Repository; indexWriter: IndexWriter },
    options: ChunkPoolOptions,
  ) {
    this.#repository = repository
    this.#index = repository.index
    this.#indexWriter = indexWriter
    this.#options = options
    this.#capacity = packCapacity(options.packTarget, options.maxChunk)
    const buffers = options.workers + spareBuffers(options.workers, repository.storage.properties.connections)
    this.#packMemory = sharedAlignedMemory(buffers * this.#capacity)
    this.#packStates = new Int32Array(new SharedArrayBuffer(buffers * 4))
    // Heard by whoever waits for the workers; nobody may wait at the moment.
    this.#failed.promise.catch(() => undefined)
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
    for (let i = 0; i < options.workers; i++) this.#workers.push(this.#start())
  }

  /** Rejects when a worker fails, a pack can't be saved, or the signal is aborted; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise
  }

  /** Works off a disk; resolves when every chunk has its slot. Its blobs may still be in open packs. */
  async run(disk: string, plan: ChunkPlan, input: BatchInput): Promise<void> {
    this.#disk = disk
    for (const word of [control.cursor, control.filled, control.emptied, control.ended])
      Atomics.store(this.control, word, 0)
    await this.#all({
      type: 'disk',
      index: this.#index.shared,
      input,
      read: plan.read.buffer,
      slots: plan.slots.buffer,
      chunkSize: plan.grid.chunkSize,
      diskSize: plan.grid.diskSize,
    })
  }

  /** Closes the open packs; resolves when all packs are durable. */
  async flush(): Promise<void> {
    await this.#all({ type: 'flush' })
    await this.saved()
  }

  /** Resolves when all packs handed over so far are durable. */
  async saved(): Promise<void> {
    await Promise.race([Promise.all(this.#saves), this.failed])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.signal.removeEventListener('abort', this.#onAbort)
    this.#stop()
    // A save that began is awaited, so that nothing touches the storage afterwards.
    await Promise.allSettled(this.#saves)
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  readonly #onAbort = (): void => this.#fail(this.#options.signal.reason)

  #start(): Worker {
    const setup: WorkerSetup = {
      key: this.#repository.masterKey,
      control: this.control.buffer,
      packTarget: this.#options.packTarget,
      packCapacity: this.#capacity,
      packMemory: this.#packMemory,
      packStates: this.#packStates.buffer,
      readMemory: sharedAlignedMemory(batchBytes),
    }
    const worker = new Worker(workerUrl(), { workerData: setup, resourceLimits: workerLimits })
    worker.on('message', (message: FromWorker) => this.#receive(worker, message))
    worker.on('error', (error) =>
      this.#fail(backupErrors.worker_failed({ reason: messageOf(error) }, { cause: error })),
    )
    worker.on('exit', (code) => this.#fail(backupErrors.worker_failed({ reason: `it exited with code ${code}` })))
    return worker
  }

  async #all(message: ToWorker): Promise<void> {
    const answered = this.#workers.map(
      (worker) =>
        new Promise<void>((resolve) => {
          this.#answers.set(worker, resolve)
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
          worker.postMessage(message)
        }),
    )
    await Promise.race([Promise.all(answered), this.failed])
    this.#options.signal.throwIfAborted()
  }

  #receive(worker: Worker, message: FromWorker): void {
    switch (message.type) {
      case 'done':
        this.#answers.get(worker)?.()
        return
      case 'failed': {
        const { offset, length, reason } = message
        const cause = new Error(reason)
        this.#fail(
          offset === undefined
            ? backupErrors.worker_failed({ reason }, { cause })
            : backupErrors.source_failed({ disk: this.#disk, offset, length: length ?? 0 }, { cause }),
        )
        return
      }
      case 'pack': {
        const save = this.#savePack(message)
          .catch((error: unknown) => this.#fail(error))
          .finally(() => this.#saves.delete(save))
        this.#saves.add(save)
      }
    }
  }

  async #savePack(pack: FromWorker & { type: 'pack' }): Promise<void> {
    const bytes = new Uint8Array(this.#packMemory, pack.buffer * this.#capacity, pack.length)
    await savePack(this.#repository.storage, pack.id, bytes, this.#options.signal)
    const blobs = this.#place(pack)
    this.totals.packs++
    this.totals.storedBytes += pack.length
    Atomics.store(this.#packStates, pack.buffer, packState.free)
    this.#wake(control.saved)
    await this.#indexWriter.add({ id: pack.id, blobs })
  }

  /** Tells the index where the blobs of a durable pack are. */
  #place({ id: pack, blobs: words }: { id: string; blobs: Uint32Array }): PackedBlob[] {
    const blobs: PackedBlob[] = []
    for (let at = 0; at < words.length; at += packedWords) {
      const [entry = 0, offset = 0, length = 0, uncompressedLength = 0] = words.subarray(at, at + packedWords)
      this.#index.place(entry, pack, { offset, length, uncompressedLength })
      blobs.push(this.#index.location(entry))
      this.totals.blobs++
      this.totals.plainBytes += this.#index.plainLength(entry)
    }
    return blobs
  }

  #fail(error: unknown): void {
    this.#failed.reject(error)
    this.#stop()
  }

  #stop(): void {
    Atomics.store(this.control, control.abort, 1)
    for (const word of [control.filled, control.emptied, control.saved]) this.#wake(word)
  }

  #wake(word: number): void {
    Atomics.add(this.control, word, 1)
    Atomics.notify(this.control, word)
  }
}

/** The worker's file lies beside this one's folder, as TypeScript here and as JavaScript in a release. */
function workerUrl(): URL {
  return new URL(`../worker/chunk-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
}
