import type { Clock } from '@nixen/core'

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now: number
  readonly #sleepers = new Set<Sleeper>()

  /** @param start epoch milliseconds */
  constructor(start: number = Date.parse('2026-03-02T08:00:00Z')) {
    this.#now = start
  }

  readonly now = (): number => this.#now
  readonly monotonic = (): number => this.#now

  /** How many wait for the time. */
  get sleeping(): number {
    return this.#sleepers.size
  }

  /** Moves the time on, and wakes who has waited for it. What they do then goes on by itself: poll for it. */
  advance(ms: number): void {
    this.#now += ms
    for (const sleeper of this.#sleepers) {
      if (sleeper.until > this.#now) continue
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    }
  }

  readonly sleep = async (ms: number, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> => {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const sleeper: Sleeper = {
        until: this.#now + ms,
        wake: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper)
        // What aborts gives its reason.
        reject(signal?.reason as Error)
      }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
