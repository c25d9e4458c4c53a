import { systemClock, type Clock } from '@nixen/core'

/** Keeps an average of bytes per second. It can be set anew at any time; what waits already waits for what it was told. */
export class Rate {
  readonly #clock: Clock
  #bytesPerMs: number | undefined
  /** Monotonic time at which everything taken so far has had its time. */
  #paidUntil = 0

  /** @param bytesPerSecond no limit when left out */
  constructor(bytesPerSecond?: number, clock: Clock = systemClock) {
    this.#clock = clock
    this.set(bytesPerSecond)
  }

  /** @param bytesPerSecond `undefined`: no limit */
  set(bytesPerSecond: number | undefined): void {
    if (bytesPerSecond !== undefined && !(bytesPerSecond > 0)) {
      throw new RangeError(`A rate must be above zero, not ${bytesPerSecond}`)
    }
    this.#bytesPerMs = bytesPerSecond === undefined ? undefined : bytesPerSecond / 1000
  }

  /** Waits until what was taken before has had its time, then takes `bytes`. */
  async take(bytes: number, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.#bytesPerMs === undefined) return
    const now = this.#clock.monotonic()
    const start = Math.max(now, this.#paidUntil)
    this.#paidUntil = start + bytes / this.#bytesPerMs
    if (start > now) await this.#clock.sleep(start - now, { signal })
  }
}
