import type { ResourceLimits } from 'node:worker_threads'
import type { MasterKey } from '../crypto/seal.ts'
import type { SharedIndex } from '../index/blob-index.ts'

// What the main thread and the worker threads of a backup say to each other. Content never goes through messages: it stays in shared memory.

/** Words of `control`: shared by all threads of a session. */
export const control = {
  /** Next place in the list of chunks to read that nobody has taken. */
  cursor: 0,
  /** Not 0: stop as soon as possible. */
  abort: 1,
  /** Counts up whenever the main thread filled a batch, or is done. Workers wait on it. */
  filled: 2,
  /** Counts up whenever a worker emptied a batch. The main thread waits on it. */
  emptied: 3,
  /** Not 0: no more batches come. */
  ended: 4,
  /** KiB of disk that were worked off. */
  doneKiB: 5,
  /** Counts up whenever the main thread saved a pack. Workers wait on it for a buffer. */
  saved: 6,
  words: 16,
} as const

/** States of a batch in the ring. */
export const batchState = { empty: 0, full: 1, taken: 2 } as const

/** Words per batch in `batches`: state, first place in the list of chunks, number of chunks. */
export const batchWords = 3

/** States of a pack buffer. */
export const packState = { free: 0, taken: 1 } as const

/** Workers make little garbage beside their buffers; a small young generation keeps about 10 MiB less of it each. */
export const workerLimits: ResourceLimits = { maxYoungGenerationSizeMb: 4 }

/** Bytes that are read at once. */
export const batchBytes: number = 4 * 1024 * 1024

/** Batches come from a file that the worker opens, or from a ring that the main thread fills. */
export type BatchInput =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'ring'; readonly memory: SharedArrayBuffer; readonly batches: SharedArrayBuffer }

export interface WorkerSetup {
  readonly key: MasterKey
  readonly control: SharedArrayBuffer
  readonly packTarget: number
  /** Bytes of one pack buffer. `packMemory` holds one for each word of `packStates`; all workers take from them. */
  readonly packCapacity: number
  readonly packMemory: SharedArrayBuffer
  readonly packStates: SharedArrayBuffer
  /** `batchBytes` that start on a page, as direct I/O wants. */
  readonly readMemory: SharedArrayBuffer
}

/** Work off one disk. */
export interface DiskTask {
  readonly type: 'disk'
  readonly index: SharedIndex
  readonly input: BatchInput
  readonly read: SharedArrayBuffer
  readonly slots: SharedArrayBuffer
  readonly chunkSize: number
  readonly diskSize: number
}

export type ToWorker = DiskTask | { readonly type: 'flush' }

/** Numbers per blob in a pack message: entry in the index, offset, sealed length, plain length (0 if not compressed). */
export const packedWords = 4

export type FromWorker =
  | {
      readonly type: 'pack'
      /** Which buffer it lies in. */
      readonly buffer: number
      readonly length: number
      readonly id: string
      readonly blobs: Uint32Array
    }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly reason: string; readonly offset?: number; readonly length?: number }
