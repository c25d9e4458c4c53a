import { equalBytes, concatBytes, isAppError, retry, type BackoffOptions, type Clock } from '@nixen/core'
import type { FileId, FileKind, LoadOptions, Storage, StorageOptions } from '../storage.ts'
import { ForwardingStorage } from './forwarding.ts'

export interface RetryingOptions extends BackoffOptions {
  /** Tries of one call at the most; 6 when left out. */
  readonly attempts?: number
  readonly clock?: Clock
  /** Told before each pause (milliseconds). */
  readonly onRetry?: (error: unknown, attempt: number, pause: number) => void
}

/** Repeats calls whose failure may pass (`retryable` errors), with growing pauses. */
export class RetryingStorage extends ForwardingStorage {
  readonly #options: RetryingOptions

  constructor(inner: Storage, options: RetryingOptions = {}) {
    super(inner)
    this.#options = options
  }

  override save(file: FileId, parts: readonly Uint8Array[], options: StorageOptions = {}): Promise<void> {
    return this.#retry(async (attempt) => {
      try {
        await this.inner.save(file, parts, options)
      } catch (error) {
        // The try before may have worked and only its answer was lost.
        if (attempt === 0 || !isAppError(error, 'storage.exists')) throw error
        const stored = await this.inner.load(file, { ...options, cache: 'bypass' })
        if (!equalBytes(stored, concatBytes(parts))) throw error
      }
    }, options)
  }

  override load(file: FileId, options: LoadOptions = {}): Promise<Uint8Array> {
    return this.#retry(() => this.inner.load(file, options), options)
  }

  override stat(file: FileId, options: StorageOptions = {}): Promise<{ size: number } | undefined> {
    return this.#retry(() => this.inner.stat(file, options), options)
  }

  override remove(file: FileId, options: StorageOptions = {}): Promise<void> {
    return this.#retry(() => this.inner.remove(file, options), options)
  }

  /** A list that breaks off starts again; what was handed out already is passed over. */
  override async *list(kind: FileKind, options: StorageOptions = {}): AsyncGenerator<{ name: string; size: number }> {
    const seen = new Set<string>()
    let rest: AsyncIterator<{ name: string; size: number }> | undefined
    try {
      for (;;) {
        const next = await this.#retry(async () => {
          rest ??= this.inner.list(kind, options)[Symbol.asyncIterator]()
          try {
            return await rest.next()
          } catch (error) {
            rest = undefined
            throw error
          }
        }, options)
        if (next.done) return
        if (seen.has(next.value.name)) continue
        seen.add(next.value.name)
        yield next.value
      }
    } finally {
      await rest?.return?.()
    }
  }

  #retry<T>(work: (attempt: number) => Promise<T>, { signal }: StorageOptions): Promise<T> {
    return retry(work, {
      attempts: 6,
      ...this.#options,
      when: (error) => isAppError(error) && error.retryable,
      signal,
    })
  }
}
