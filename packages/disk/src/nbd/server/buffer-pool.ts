const smallest = 4096

/**
 * Memory that is used again: allocating and clearing a buffer for each request costs more than the request. Sizes are rounded up to powers
 * of two. What is in a buffer is whatever its last user left there.
 */
export class BufferPool {
  readonly #free = new Map<number, Uint8Array[]>()
  readonly #limit: number
  #kept = 0

  /** Keeps up to `limit` bytes that are not in use. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** A buffer of at least `length` bytes. */
  take(length: number): Uint8Array {
    const size = Math.max(smallest, 2 ** Math.ceil(Math.log2(Math.max(1, length))))
    const buffer = this.#free.get(size)?.pop()
    if (!buffer) return Buffer.allocUnsafeSlow(size)
    this.#kept -= size
    return buffer
  }

  give(buffer: Uint8Array): void {
    if (this.#kept + buffer.length > this.#limit) return
    this.#kept += buffer.length
    const list = this.#free.get(buffer.length)
    if (list) list.push(buffer)
    else this.#free.set(buffer.length, [buffer])
  }
}
