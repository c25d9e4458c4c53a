import { systemClock, type Clock } from './clock.ts'
import { systemRandom, type Random } from './random.ts'

/** How the pauses between tries grow. Times in milliseconds. */
export interface BackoffOptions {
  /** Longest first pause; 100 when left out. */
  readonly base?: number
  /** No pause is longer; 30,000 when left out. */
  readonly max?: number
  readonly random?: Random
}

/**
 * Pause before try `attempt` (0 is the first repetition): a random share, at least a half, of `base` × 2^attempt, so that
 * many clients that failed together do not come back together.
 */
export function backoff(
  attempt: number,
  { base = 100, max = 30_000, random = systemRandom }: BackoffOptions = {},
): number {
  const ceiling = Math.min(max, base * 2 ** attempt)
  return ceiling * (0.5 + random() / 2)
}

export interface RetryOptions extends BackoffOptions {
  /** How often `work` is called at the most; 5 when left out. */
  readonly attempts?: number
  /** Which failures are worth another try. */
  readonly when: (error: unknown) => boolean
  /** Told before each pause. */
  readonly onRetry?: (error: unknown, attempt: number, pause: number) => void
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
}

/** Calls `work` until it succeeds, a failure is not worth another try, or the tries are used up: then its last error is thrown. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { attempts = 5, clock = systemClock, signal } = options
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await work(attempt)
    } catch (error) {
      if (attempt + 1 >= attempts || signal?.aborted || !options.when(error)) throw error
      const pause = backoff(attempt, options)
      options.onRetry?.(error, attempt, pause)
      await clock.sleep(pause, { signal })
    }
  }
}
