/** A set of small numbers, one bit each. */
export class Bitmap {
  readonly #words: Uint32Array
  #count = 0

  constructor(size: number) {
    this.#words = new Uint32Array(Math.ceil(size / 32))
  }

  /** Numbers in the set. */
  get count(): number {
    return this.#count
  }

  has(number: number): boolean {
    return ((this.#words[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0
  }

  /** Adds a number; whether it was new. */
  add(number: number): boolean {
    const word = this.#words[number >>> 5] ?? 0
    const bit = 1 << (number & 31)
    if ((word & bit) !== 0) return false
    this.#words[number >>> 5] = word | bit
    this.#count++
    return true
  }

  delete(number: number): void {
    if (!this.has(number)) return
    this.#words[number >>> 5] = (this.#words[number >>> 5] ?? 0) & ~(1 << (number & 31))
    this.#count--
  }
}
