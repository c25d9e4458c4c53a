/**
 * Bounds the bytes that are in use at one time. Waiters go on in the order of arrival; one that asks for more than the whole budget goes
 * when nothing else is in use.
 */
export class ByteBudget {
  readonly #limit: number
  #used = 0
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Takes the bytes if nobody has to wait. */
  tryTake(bytes: number): boolean {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) return false
    this.#used += bytes
    return true
  }

  /** Takes the bytes as soon as they are free. */
  async take(bytes: number): Promise<void> {
    if (this.tryTake(bytes)) return
    await new Promise<void>((go) => this.#waiting.push({ bytes, go }))
  }

  give(bytes: number): void {
    this.#used -= bytes
    for (let next = this.#waiting[0]; next && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#used += next.bytes
      next.go()
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#limit
  }
}
