/** At most `limit` holders at a time; the others wait in order of arrival. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(limit: number) {
    this.#free = limit
  }

  /** Waits for a place. Call (or `using`) the result to give it back. */
  async acquire({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<Disposable & (() => void)> {
    signal?.throwIfAborted()
    if (this.#free > 0) {
      this.#free--
      return this.#release()
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1)
        reject(signal?.reason as Error)
      }
      const enter = (): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      this.#waiting.push(enter)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
    return this.#release()
  }

  /** Runs `work` while holding a place. */
  async run<T>(work: () => Promise<T>, options: { signal?: AbortSignal | undefined } = {}): Promise<T> {
    using _place = await this.acquire(options)
    return await work()
  }

  #release(): Disposable & (() => void) {
    let held = true
    const release = (): void => {
      if (!held) return
      held = false
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
    return Object.assign(release, { [Symbol.dispose]: release })
  }
}
