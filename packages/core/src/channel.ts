/**
 * A queue between a producer and one consumer. `push` resolves when the consumer has room for more, so a slow consumer slows its producer and
 * memory stays bounded.
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly #capacity: number
  readonly #items: T[] = []
  #end: { readonly error?: unknown } | undefined
  #wakeConsumer: (() => void) | undefined
  #wakeProducers: (() => void)[] = []
  #abandoned = false

  constructor(capacity = 16) {
    this.#capacity = capacity
  }

  /** Whether the consumer has stopped reading: what is pushed now is dropped. */
  get abandoned(): boolean {
    return this.#abandoned
  }

  /** Adds an item; resolves when there is room for another one. */
  async push(item: T): Promise<void> {
    if (this.#end) throw new TypeError('push after the end of a channel')
    if (this.#abandoned) return
    this.#items.push(item)
    this.#wakeConsumer?.()
    while (this.#items.length >= this.#capacity && !this.#abandoned) {
      await new Promise<void>((resolve) => this.#wakeProducers.push(resolve))
    }
  }

  /** No more items; with `error` the consumer gets it after the items that are queued. Later calls do nothing. */
  close(error?: unknown): void {
    this.#end ??= error === undefined ? {} : { error }
    this.#wakeConsumer?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        while (this.#items.length > 0) {
          // The length was just looked at.
          const item = this.#items.shift() as T
          this.#letProducersGo()
          yield item
        }
        if (this.#end) {
          if ('error' in this.#end) throw this.#end.error
          return
        }
        await new Promise<void>((resolve) => (this.#wakeConsumer = resolve))
        this.#wakeConsumer = undefined
      }
    } finally {
      this.#abandoned = true
      this.#items.length = 0
      this.#letProducersGo()
    }
  }

  #letProducersGo(): void {
    const waiting = this.#wakeProducers
    this.#wakeProducers = []
    for (const wake of waiting) wake()
  }
}
