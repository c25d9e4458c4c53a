import type { Duplex } from 'node:stream'

/** Above this many buffered bytes the socket is paused, below half of it resumed. */
const highWater = 2 * 1024 * 1024

/**
 * Exact reads from a socket. Where all that is asked for has arrived nothing is awaited: with thousands of small requests a second the ticks
 * of promises would cost more than the requests. Rejects with the socket's error, or resolves to `undefined` at its end.
 */
export class SocketReader {
  readonly #socket: Duplex
  #parts: Uint8Array[] = []
  /** First part that is not used up, and the bytes of it that are. */
  #head = 0
  #used = 0
  #buffered = 0
  #paused = false
  #ended = false
  #error: Error | undefined
  #wake: (() => void) | undefined

  constructor(socket: Duplex) {
    this.#socket = socket
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onEnd)
    socket.on('error', this.#onError)
  }

  /** Bytes that arrived and were not read. */
  get buffered(): number {
    return this.#buffered
  }

  /** `length` bytes if they are here: a view where one part holds them all, otherwise a copy. */
  take(length: number): Uint8Array | undefined {
    if (this.#buffered < length) return undefined
    const part = this.#parts[this.#head]
    if (part && part.length - this.#used >= length) {
      const bytes = part.subarray(this.#used, this.#used + length)
      this.#consume(length)
      return bytes
    }
    const bytes = new Uint8Array(length)
    this.#copyOut(bytes, 0)
    return bytes
  }

  /** `length` bytes as soon as they are here; `undefined` when the other side ends first. */
  async read(length: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = this.take(length)
      if (bytes) return bytes
      if (!(await this.#more())) return undefined
    }
  }

  /** Fills `target`; `false` when the other side ends first. */
  async readInto(target: Uint8Array): Promise<boolean> {
    let filled = 0
    for (;;) {
      filled += this.#copyOut(target, filled)
      if (filled === target.length) return true
      if (!(await this.#more())) return false
    }
  }

  /** Passes over `length` bytes; `false` when the other side ends first. */
  async skip(length: number): Promise<boolean> {
    let missing = length
    for (;;) {
      while (missing > 0 && this.#buffered > 0) {
        const part = this.#parts[this.#head]
        const piece = Math.min(missing, (part?.length ?? 0) - this.#used)
        this.#consume(piece)
        missing -= piece
      }
      if (missing === 0) return true
      if (!(await this.#more())) return false
    }
  }

  /** Stops listening, so that TLS can take the socket over. What arrived but was not read is lost: check `buffered`. */
  detach(): void {
    this.#socket.off('data', this.#onData)
    this.#socket.off('end', this.#onEnd)
    this.#socket.off('close', this.#onEnd)
    this.#socket.off('error', this.#onError)
    this.#socket.pause()
  }

  /** Waits for bytes; `false` when there will be none. */
  async #more(): Promise<boolean> {
    const before = this.#buffered
    while (this.#buffered === before) {
      if (this.#error) throw this.#error
      if (this.#ended) return false
      if (this.#paused) this.#resume()
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return true
  }

  #copyOut(target: Uint8Array, from: number): number {
    let filled = from
    while (filled < target.length && this.#buffered > 0) {
      const part = this.#parts[this.#head]
      if (!part) break
      const piece = part.subarray(this.#used, this.#used + target.length - filled)
      target.set(piece, filled)
      filled += piece.length
      this.#consume(piece.length)
    }
    return filled - from
  }

  #consume(length: number): void {
    this.#used += length
    this.#buffered -= length
    const part = this.#parts[this.#head]
    if (part && this.#used === part.length) {
      this.#used = 0
      this.#head++
      // The array is emptied now and then: `shift` on each part costs more.
      if (this.#head === this.#parts.length || this.#head > 256) {
        this.#parts = this.#parts.slice(this.#head)
        this.#head = 0
      }
    }
    if (this.#paused && this.#buffered < highWater / 2) this.#resume()
  }

  #resume(): void {
    this.#paused = false
    this.#socket.resume()
  }

  readonly #onData = (bytes: Uint8Array): void => {
    this.#parts.push(bytes)
    this.#buffered += bytes.length
    if (this.#buffered > highWater && !this.#paused) {
      this.#paused = true
      this.#socket.pause()
    }
    this.#signal()
  }

  readonly #onEnd = (): void => {
    this.#ended = true
    this.#signal()
  }

  readonly #onError = (error: Error): void => {
    this.#error ??= error
    this.#signal()
  }

  #signal(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
