/** One lock per key: what runs under the same key runs one after the other. */
export class Locks<K> {
  readonly #tails = new Map<K, Promise<unknown>>()

  async run<T>(key: K, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const run = before ? before.then(work, work) : work()
    const tail = run.then(
      () => undefined,
      () => undefined,
    )
    this.#tails.set(key, tail)
    try {
      return await run
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }
}

/** Many may pass, or one alone may work while none passes. The one who waits goes first. */
export class Gate {
  #inside = 0
  #closed: Promise<void> | undefined
  #empty: (() => void) | undefined

  /** Whether passing needs no waiting now. */
  get open(): boolean {
    return this.#closed === undefined
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    while (this.#closed) await this.#closed
    this.#inside++
    try {
      return await work()
    } finally {
      this.#inside--
      if (this.#inside === 0) this.#empty?.()
    }
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#closed) await this.#closed
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#closed = promise
    try {
      if (this.#inside > 0) await new Promise<void>((done) => (this.#empty = done))
      return await work()
    } finally {
      this.#empty = undefined
      this.#closed = undefined
      resolve()
    }
  }
}
