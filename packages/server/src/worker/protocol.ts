import { AppError, isAppError, messageOf } from '@nixen/core'
import type { RepositoryAccess } from './descriptors.ts'
import type { UndoStep } from '@nixen/providers'
import type { OperationName } from './operations.ts'
import type { WorkerProgress } from './operations/operation.ts'

/** Bytes per second at the most: read from disks, written to the repository and read from it. No limit where one is left out. */
export interface Rates {
  readonly read?: number | undefined
  readonly upload?: number | undefined
  readonly download?: number | undefined
}

/** To a worker. One operation at a time. */
export type ToWorker =
  | {
      readonly type: 'run'
      readonly id: number
      readonly operation: OperationName
      readonly access: RepositoryAccess
      readonly input: unknown
      readonly rates: Rates
    }
  /** Others have begun or ended who share a limit. */
  | { readonly type: 'rates'; readonly id: number; readonly rates: Rates }
  | { readonly type: 'cancel'; readonly id: number }
  /** What was asked for is done. */
  | { readonly type: 'answer'; readonly id: number; readonly seq: number; readonly error?: WireError | undefined }

/** From a worker. */
export type FromWorker =
  | { readonly type: 'ready' }
  /** Every few seconds: it lives, and how much memory it has, in bytes. */
  | { readonly type: 'alive'; readonly rss: number }
  | { readonly type: 'progress'; readonly id: number; readonly progress: WorkerProgress }
  | { readonly type: 'items'; readonly id: number; readonly items: readonly unknown[] }
  /** Steps of the undo journal: written down, or forgotten. The worker waits for the answer. */
  | { readonly type: 'ask'; readonly id: number; readonly seq: number; readonly question: JournalQuestion }
  | { readonly type: 'done'; readonly id: number; readonly output: unknown; readonly rss: number }
  | { readonly type: 'failed'; readonly id: number; readonly error: WireError }

/** `entry` is a number that the worker gave the step. */
export type JournalQuestion =
  | { readonly kind: 'undo'; readonly entry: number; readonly step: UndoStep }
  | { readonly kind: 'forget'; readonly entry: number }

/** Milliseconds between two signs of life. */
export const aliveEvery = 2000

/** An error on its way between processes. */
export interface WireError {
  /** Absent for what is not an error of a catalogue. */
  readonly app?: {
    readonly code: string
    readonly status: number
    readonly retryable: boolean
    readonly details: unknown
  }
  readonly message: string
  readonly stack?: string | undefined
  readonly cause?: WireError | undefined
}

/** Takes an error apart. */
export function toWire(error: unknown, depth = 0): WireError {
  const cause =
    error instanceof Error && error.cause !== undefined && depth < 4 ? toWire(error.cause, depth + 1) : undefined
  const message = messageOf(error)
  if (isAppError(error)) {
    const { code, status, retryable, details } = error
    return { app: { code, status, retryable, details: plain(details) }, message, cause }
  }
  return { message, stack: error instanceof Error ? error.stack : undefined, cause }
}

/** Puts an error together again. */
export function fromWire({ app, message, stack, cause }: WireError): Error {
  const inner = cause ? fromWire(cause) : undefined
  if (app) {
    const details = typeof app.details === 'object' && app.details !== null ? { ...app.details } : {}
    return new AppError({ ...app, details, message, cause: inner })
  }
  const error = new Error(message, inner ? { cause: inner } : undefined)
  if (stack !== undefined) error.stack = stack
  return error
}

/** Only what structured clone and JSON both take. */
function plain(details: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(details))
  } catch {
    return {}
  }
}
