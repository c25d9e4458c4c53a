import { createHash } from 'node:crypto'
import { transferErrors } from '@nixen/api'
import type { ByteStream } from '@nixen/core'
import type { ActionTask } from '@nixen/providers'

/** A file that comes in: a request's body, an answer of a web server, an upload that was kept. */
export interface Incoming {
  /** What messages call it. */
  readonly what: string
  /** Bytes, where that is known before. */
  readonly length: number | undefined
  /** Its bytes; may be called once. */
  bytes(): ByteStream
}

export interface CheckOptions {
  readonly sha256: string | undefined
  readonly task: ActionTask
}

/** A file while it is read: counted for the task, and compared with its checksum at the end. */
export class CheckedFile implements AsyncDisposable {
  readonly what: string
  readonly length: number | undefined
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #options: CheckOptions
  readonly #hash = createHash('sha256')
  #received = 0
  #ended = false

  constructor(incoming: Incoming, options: CheckOptions) {
    this.what = incoming.what
    this.length = incoming.length
    this.#iterator = incoming.bytes()[Symbol.asyncIterator]()
    this.#options = options
  }

  /** What has not been read yet. Leaving the iteration early leaves the rest for another one. */
  async *bytes(): AsyncGenerator<Uint8Array, void> {
    for (let part = await this.#next(); part; part = await this.#next()) yield part
  }

  /** Reads what a format leaves unread, such as padding. @throws transfer.checksum, cut */
  async finish(): Promise<void> {
    while (await this.#next()) continue
  }

  /** Tells the sender that no more is wanted. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#iterator.return?.()
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#ended) return undefined
    const { task, sha256 } = this.#options
    task.signal.throwIfAborted()
    const next = await this.#iterator.next()
    if (next.done) {
      this.#end()
      return undefined
    }
    if (sha256 !== undefined) this.#hash.update(next.value)
    this.#received += next.value.length
    task.bytes(this.#received, this.length)
    return next.value
  }

  #end(): void {
    this.#ended = true
    const { sha256: expected } = this.#options
    if (this.length !== undefined && this.#received < this.length) {
      throw transferErrors.cut({ what: this.what, received: this.#received, expected: this.length })
    }
    if (expected === undefined) return
    const actual = this.#hash.digest('hex')
    if (actual !== expected) throw transferErrors.checksum({ what: this.what, expected, actual })
  }
}

/** The first bytes of a stream, at most so many, and the whole stream again. */
export async function peek(
  stream: AsyncGenerator<Uint8Array, void>,
  length: number,
): Promise<{ readonly head: Uint8Array; readonly stream: AsyncGenerator<Uint8Array, void> }> {
  const parts: Uint8Array[] = []
  let known = 0
  while (known < length) {
    const next = await stream.next()
    if (next.done) break
    // What comes from a socket may be used again by it.
    parts.push(Uint8Array.from(next.value))
    known += next.value.length
  }
  return { head: Buffer.concat(parts).subarray(0, length), stream: again(parts, stream) }
}

/** Parts that were read, and what follows them. */
export async function* again(
  parts: readonly Uint8Array[],
  rest: AsyncGenerator<Uint8Array, void>,
): AsyncGenerator<Uint8Array, void> {
  yield* parts
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
}
