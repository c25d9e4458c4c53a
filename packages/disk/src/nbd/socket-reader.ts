import type { Duplex } from 'node:stream'

/** Above this many buffered bytes the socket is paused, below half of it resumed. */
const highWater = 2 * 1024 * 1024
/** Bytes that are taken from a socket at once: more than a unix socket holds, and four times what Node takes by itself. */
const intakeSize = 256 * 1024

/** Memory that a socket is read into again and again: `onread` goes to `net.connect`, the whole to the reader of that socket. */
export class Intake {
  /** Takes what came; the bytes are overwritten after that. */
  take: ((bytes: Uint8Array) => void) | undefined
  readonly onread = {
    buffer: Buffer.allocUnsafeSlow(intakeSize),
    callback: (length: number, buffer: Uint8Array): boolean => {
      this.take?.(buffer.subarray(0, length))
      return true
    },
  }
}

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
  /** What a reader waits for goes straight there; nothing is buffered meanwhile. */
  #target: Uint8Array | undefined

  constructor(socket: Duplex, intake?: Intake) {
    this.#socket = socket
    if (intake) intake.take = (bytes) => this.#take(bytes, true)
    else socket.on('data', this.#onData)
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
    const filled = this.#copyOut(target, 0)
    if (filled === target.length) return true
    this.#target = target.subarray(filled)
    try {
      while (this.#target.length > 0) if (!(await this.#woken())) return false
      return true
    } finally {
      this.#target = undefined
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
    while (this.#buffered === before) if (!(await this.#woken())) return false
    return true
  }

  /** Waits until something happens; `false` when nothing will. */
  async #woken(): Promise<boolean> {
    if (this.#error) throw this.#error
    if (this.#ended) return false
    if (this.#paused) this.#resume()
    await new Promise<void>((resolve) => (this.#wake = resolve))
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

  readonly #onData = (bytes: Uint8Array): void => this.#take(bytes, false)

  /** @param lent the memory is used again: what is kept has to be copied */
  #take(bytes: Uint8Array, lent: boolean): void {
    let rest = bytes
    if (this.#target) {
      const length = Math.min(rest.length, this.#target.length)
      this.#target.set(rest.subarray(0, length))
      this.#target = this.#target.subarray(length)
      if (this.#target.length > 0) return
      rest = rest.subarray(length)
    }
    if (rest.length > 0) this.#parts.push(lent ? new Uint8Array(rest) : rest)
    this.#buffered += rest.length
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
