import { Duplex } from 'node:stream'
import { safeInteger } from '@nixen/core'
import { libvirtErrors } from '../errors.ts'
import { VirNetStreamHole as StreamHole } from '../generated/types.ts'
import { XdrReader } from '../wire/xdr-reader.ts'
import { XdrWriter } from '../wire/xdr-writer.ts'
import { maxPacket, messageStatus, messageType, type Frame } from './frame.ts'
import { remoteError } from './remote-error.ts'

/** What comes through a stream: bytes, or so many zeros that were not sent (only where sparse streams were asked for). */
export type StreamPart =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'hole'; readonly length: number }

/** Bytes that may wait for a reader before the connection is held. */
const highMark = 4 * 1024 * 1024
const lowMark = 1024 * 1024

interface StreamPorts {
  readonly send: (part: { readonly type: number; readonly status: number; readonly body: Uint8Array }) => Promise<void>
  readonly onFull: (full: boolean) => void
  readonly onEnd: () => void
  readonly procedure: string
}

const nothing = new Uint8Array(0)

/** A stream of bytes that belongs to a call. One reader, one writer. Dispose of it: what has not ended by then is aborted. */
export class RpcStream implements AsyncDisposable {
  readonly #ports: StreamPorts
  readonly #parts: StreamPart[] = []
  #waitingBytes = 0
  #isFull = false
  /** No more parts will come. */
  #atEnd = false
  #failure: { readonly error: unknown } | undefined
  /** The daemon has confirmed the end, or it does not matter any more. */
  #isOver = false
  #wake: (() => void) | undefined
  #confirm: PromiseWithResolvers<void> | undefined

  constructor(ports: StreamPorts) {
    this.#ports = ports
  }

  /**
   * What the daemon sends, to its end; then the end is confirmed, so that no error goes unseen. Leaving early aborts the stream.
   *
   * @throws LibvirtError, libvirt.lost
   */
  async *read(): AsyncGenerator<StreamPart, void> {
    try {
      for (;;) {
        for (let part = this.#parts.shift(); part; part = this.#parts.shift()) {
          this.#taken(part)
          yield part
        }
        if (this.#failure) throw this.#failure.error
        if (this.#atEnd) break
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
      await this.finish()
    } finally {
      if (!this.#isOver) await this.abort()
    }
  }

  /** The bytes alone, holes as zeros. */
  async *bytes(): AsyncGenerator<Uint8Array, void> {
    for await (const part of this.read()) {
      if (part.kind === 'data') yield part.bytes
      else yield* zeros(part.length)
    }
  }

  /** Sends bytes; resolves when there is room for more. @throws LibvirtError what ended the stream at the daemon, libvirt.lost */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += maxPacket) {
      this.#check()
      const body = bytes.subarray(at, at + maxPacket)
      await this.#ports.send({ type: messageType.stream, status: messageStatus.continue, body })
    }
  }

  /** Passes over `length` bytes, which become zeros. Only where the call asked for a sparse stream. */
  async hole(length: number): Promise<void> {
    this.#check()
    const writer = new XdrWriter()
    StreamHole.write(writer, { length: BigInt(length), flags: 0 })
    await this.#ports.send({ type: messageType.hole, status: messageStatus.continue, body: writer.bytes() })
  }

  /** Says that all was sent, and waits until the daemon confirms that it has it. @throws LibvirtError, libvirt.lost */
  async finish(): Promise<void> {
    this.#check()
    if (this.#isOver) return
    this.#confirm ??= Promise.withResolvers<void>()
    // It is awaited below; the stream may fail before that.
    this.#confirm.promise.catch(() => undefined)
    await this.#ports.send({ type: messageType.stream, status: messageStatus.ok, body: nothing })
    await this.#confirm.promise
  }

  /** Ends the stream at once; what was sent may be used or not. */
  async abort(): Promise<void> {
    if (this.#isOver) return
    this.#over()
    this.#parts.length = 0
    await this.#ports
      .send({ type: messageType.stream, status: messageStatus.error, body: nothing })
      // Without a connection there is no stream either.
      .catch(() => undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort()
  }

  /** Both directions as Node has them, for consoles. */
  toDuplex(): Duplex {
    const reading = this.bytes()
    const duplex = new Duplex({
      read: () => void settle(pull(), (error) => error && duplex.destroy(error)),
      write: (chunk: Buffer, _encoding, done) => void settle(this.write(chunk), done),
      destroy: (error, done) => void settle(this.abort(), () => done(error)),
    })
    const pull = async (): Promise<void> => {
      const { done, value } = await reading.next()
      duplex.push(done ? null : value)
    }
    return duplex
  }

  /** A packet of the daemon. */
  receive({ type, status, body }: Frame): void {
    if (this.#isOver) return
    if (type === messageType.hole) return this.#hole(body)
    if (status === messageStatus.continue && body.length > 0) return this.#data(body)
    if (status === messageStatus.error)
      return this.fail(remoteError(new XdrReader(body), { name: this.#ports.procedure }))
    this.#atEnd = true
    if (status === messageStatus.ok) {
      this.#over()
      this.#confirm?.resolve()
    }
    this.#wakeReader()
  }

  /** Ends it with an error. */
  fail(error: unknown): void {
    if (this.#isOver) return
    this.#failure = { error }
    this.#over()
    this.#confirm?.reject(error)
    this.#wakeReader()
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error
  }

  #over(): void {
    this.#isOver = true
    this.#ports.onEnd()
  }

  #hole(body: Buffer): void {
    const length = safeInteger(StreamHole.read(new XdrReader(body)).length)
    if (length === undefined || length < 0) throw libvirtErrors.bad_frame({ reason: 'a hole without a length' })
    if (length > 0) this.#add({ kind: 'hole', length }, 0)
  }

  #data(body: Buffer): void {
    this.#add({ kind: 'data', bytes: body }, body.length)
  }

  #add(part: StreamPart, bytes: number): void {
    this.#parts.push(part)
    this.#waitingBytes += bytes
    if (!this.#isFull && this.#waitingBytes > highMark) {
      this.#isFull = true
      this.#ports.onFull(true)
    }
    this.#wakeReader()
  }

  #taken(part: StreamPart): void {
    if (part.kind === 'data') this.#waitingBytes -= part.bytes.length
    if (!this.#isFull || this.#waitingBytes > lowMark) return
    this.#isFull = false
    this.#ports.onFull(false)
  }

  #wakeReader(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}

/** Tells a callback how a promise ended. */
async function settle(work: Promise<unknown>, done: (error?: Error | null) => void): Promise<void> {
  try {
    await work
  } catch (error) {
    return done(error instanceof Error ? error : new Error(String(error)))
  }
  done()
}

const zeroBlock = new Uint8Array(1024 * 1024)

function* zeros(length: number): Generator<Uint8Array, void> {
  for (let left = length; left > 0; left -= zeroBlock.length)
    yield zeroBlock.subarray(0, Math.min(left, zeroBlock.length))
}
