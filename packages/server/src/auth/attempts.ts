import { authErrors } from '@nixen/api'
import type { Clock } from '@nixen/core'

/** Failures before somebody has to wait. */
const free = 5
/** Longest wait, milliseconds. */
const longest = 15 * 60_000
/** Keys that are remembered; more are forgotten oldest first, so that a flood takes no memory. */
const remembered = 10_000

interface Failures {
  count: number
  /** Monotonic time until which every attempt is refused. */
  until: number
}

/**
 * Slows down guessing. Failures are counted by user name and by address: from the sixth on each one doubles the wait, from 1 s to
 * 15 min. The wait is for attempts, not answers: nothing is held open.
 */
export class Attempts {
  readonly #clock: Clock
  readonly #failures = new Map<string, Failures>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Throws `auth.too_many_attempts` when one of the keys has to wait. */
  demandAllowed(keys: readonly string[]): void {
    const now = this.#clock.monotonic()
    const wait = Math.max(...keys.map((key) => (this.#failures.get(key)?.until ?? 0) - now))
    if (wait > 0) throw authErrors.too_many_attempts({ seconds: Math.ceil(wait / 1000) })
  }

  /** Counts an attempt as failed before it is tried, so that many at once do not get round the limit. */
  begin(keys: readonly string[]): void {
    this.demandAllowed(keys)
    for (const key of keys) this.#fail(key)
  }

  succeed(keys: readonly string[]): void {
    for (const key of keys) this.#failures.delete(key)
  }

  #fail(key: string): void {
    const now = this.#clock.monotonic()
    const old = this.#failures.get(key)
    // After a quiet time as long as the longest wait the count begins again.
    const count = old && now - old.until < longest ? old.count + 1 : 1
    const wait = count < free ? 0 : Math.min(1000 * 2 ** Math.min(count - free, 20), longest)
    this.#failures.delete(key)
    this.#failures.set(key, { count, until: now + wait })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > remembered && oldest !== undefined) this.#failures.delete(oldest)
  }
}
