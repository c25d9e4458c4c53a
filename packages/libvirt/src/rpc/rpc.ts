import type { Duplex } from 'node:stream'
import { isAppError, messageOf, type Clock } from '@nixen/core'
import { libvirtErrors } from '../errors.ts'
import type { Procedure } from '../wire/procedure.ts'
import { XdrReader } from '../wire/xdr-reader.ts'
import { XdrWriter } from '../wire/xdr-writer.ts'
import {
  FrameReader,
  headerLength,
  keepaliveProgram,
  maxFrame,
  messageStatus,
  messageType,
  writeHeader,
  type Frame,
} from './frame.ts'
import { Keepalive, type KeepaliveOptions } from './keepalive.ts'
import { remoteError } from './remote-error.ts'
import { RpcStream } from './rpc-stream.ts'

export interface CallOptions {
  /** Ends the waiting. The protocol cannot take a call back: the daemon may still do it. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds; for ever when left out (a connection that died is noticed by keep-alive). */
  readonly timeout?: number | undefined
}

interface Waiting {
  readonly procedure: Procedure
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

export interface RpcOptions {
  readonly clock: Clock
  /** See `Transport.oneByOne`. */
  readonly oneByOne?: boolean | undefined
  /** A message that the daemon sent by itself. */
  readonly onEvent?: ((program: number, number: number, body: Buffer) => void) | undefined
  /** Told once: the connection has ended, with what it ended. */
  readonly onClose?: ((error: unknown) => void) | undefined
}

/**
 * Calls, events and streams over one connection. Calls may overlap; the daemon answers a few at a time (five unless it is configured
 * otherwise), the rest wait there.
 */
export class Rpc {
  readonly #duplex: Duplex
  readonly #options: RpcOptions
  readonly #frames = new FrameReader()
  /** What is to be written one by one, and who waits for it; the first is being written. */
  readonly #outbox: { readonly frame: Buffer; readonly written: (() => void) | undefined }[] = []
  readonly #waiting = new Map<number, Waiting>()
  readonly #streams = new Map<number, RpcStream>()
  /** Streams that ask the daemon to wait. */
  readonly #full = new Set<RpcStream>()
  #keepalive: Keepalive | undefined
  #serial = 0
  #ended: { readonly error: unknown } | undefined

  constructor(duplex: Duplex, options: RpcOptions) {
    this.#duplex = duplex
    this.#options = options
    duplex.on('data', (chunk: Buffer) => this.#receive(chunk))
    duplex.on('error', (error) => this.#end(brokenBy(error)))
    duplex.on('end', () => this.#end(this.#cutOff()))
    duplex.on('close', () => this.#end(this.#cutOff()))
  }

  /** Why it has ended, if it has. */
  get ended(): { readonly error: unknown } | undefined {
    return this.#ended
  }

  /** Calls that have not been answered. */
  get pending(): number {
    return this.#waiting.size
  }

  /** @throws LibvirtError what the daemon refuses; libvirt.lost, bad_xdr, bad_value, closed, timeout; the signal's reason */
  async call<A, R>(procedure: Procedure<A, R>, args: A, options: CallOptions = {}): Promise<R> {
    options.signal?.throwIfAborted()
    const serial = this.#send(procedure, args)
    const answer = this.#answer(serial, procedure)
    // The codec of the procedure made it.
    if (!options.signal && options.timeout === undefined) return (await answer) as R
    return (await this.#limited(answer, { ...options, what: procedure.name })) as R
  }

  /** Calls a procedure that opens a stream. Use a connection of its own for bulk data: a reader that is slow stops all that comes after it. */
  async stream<A, R>(
    procedure: Procedure<A, R>,
    args: A,
    { signal, timeout }: CallOptions = {},
  ): Promise<{ readonly ret: R; readonly stream: RpcStream }> {
    signal?.throwIfAborted()
    const serial = this.#send(procedure, args)
    const stream = new RpcStream({
      send: (part) => this.#sendPart(procedure, serial, part),
      onFull: (full) => this.#pauseFor(stream, full),
      onEnd: () => {
        this.#pauseFor(stream, false)
        this.#streams.delete(serial)
      },
      procedure: procedure.name,
    })
    this.#streams.set(serial, stream)
    try {
      const answer = this.#answer(serial, procedure)
      // As above.
      const ret = (await this.#limited(answer, { signal, timeout, what: procedure.name })) as R
      return { ret, stream }
    } catch (error) {
      stream.fail(error)
      throw error
    }
  }

  /** Asks the daemon from time to time whether it is there, and ends the connection when it is not. */
  startKeepalive(options: KeepaliveOptions): void {
    this.#keepalive ??= new Keepalive(this.#options.clock, options, {
      ping: () => this.#sendKeepalive(keepaliveProgram.ping),
      onSilence: (ms) => this.destroy(libvirtErrors.lost({ reason: `it has not answered for ${ms / 1000} s` })),
    })
  }

  /** Ends the connection; what waits is rejected with `error`. */
  destroy(error: unknown = libvirtErrors.closed({ what: 'Something' })): void {
    this.#end(error)
    this.#duplex.destroy()
  }

  #cutOff(): Error {
    const reason = this.#frames.inFrame ? 'it ended in the middle of a message' : 'the daemon hung up'
    return libvirtErrors.lost({ reason })
  }

  async #answer(serial: number, procedure: Procedure): Promise<unknown> {
    return await new Promise((resolve, reject) => this.#waiting.set(serial, { procedure, resolve, reject }))
  }

  async #limited(
    answer: Promise<unknown>,
    { signal, timeout, what }: CallOptions & { readonly what: string },
  ): Promise<unknown> {
    if (!signal && timeout === undefined) return await answer
    const stop = new AbortController()
    const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
    const done = new AbortController()
    if (timeout !== undefined) {
      this.#options.clock.sleep(timeout, { signal: done.signal }).then(
        () => stop.abort(libvirtErrors.timeout({ what, ms: timeout })),
        () => undefined,
      )
    }
    // An answer that nobody waits for any more.
    answer.catch(() => undefined)
    try {
      return await Promise.race([answer, rejected(either, done.signal)])
    } finally {
      done.abort()
    }
  }

  #send<A, R>(procedure: Procedure<A, R>, args: A): number {
    if (this.#ended) throw libvirtErrors.closed({ what: procedure.name }, { cause: this.#ended.error })
    // 0 is for events.
    const serial = (this.#serial = (this.#serial + 1) >>> 0 || 1)
    const writer = new XdrWriter()
    writer.raw(new Uint8Array(headerLength))
    procedure.args?.write(writer, args)
    const frame = writer.bytes()
    if (frame.length > maxFrame) {
      throw libvirtErrors.bad_value({
        expected: `a message of at most ${maxFrame} bytes`,
        got: `${frame.length} bytes`,
      })
    }
    this.#write(frame, { ...addressOf(procedure), type: messageType.call, serial, status: messageStatus.ok })
    return serial
  }

  async #sendPart(
    procedure: Procedure,
    serial: number,
    part: { readonly type: number; readonly status: number; readonly body: Uint8Array },
  ): Promise<void> {
    if (this.#ended) throw this.#ended.error
    const frame = Buffer.allocUnsafe(headerLength + part.body.length)
    frame.set(part.body, headerLength)
    const header = { ...addressOf(procedure), type: part.type, serial, status: part.status }
    if (this.#options.oneByOne) return await new Promise((resolve) => void this.#write(frame, header, resolve))
    if (this.#write(frame, header)) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#duplex.off('drain', done)
        this.#duplex.off('close', done)
        resolve()
      }
      this.#duplex.on('drain', done)
      this.#duplex.on('close', done)
    })
  }

  #sendKeepalive(procedure: number): void {
    const { program, version } = keepaliveProgram
    const header = { program, version, procedure, type: messageType.message, serial: 0, status: messageStatus.ok }
    if (!this.#ended) this.#write(Buffer.allocUnsafe(headerLength), header)
  }

  #write(frame: Buffer, header: Omit<Frame, 'body'>, written?: () => void): boolean {
    writeHeader(frame, { ...header, length: frame.length })
    if (!this.#options.oneByOne) return this.#duplex.write(frame)
    this.#outbox.push({ frame, written })
    if (this.#outbox.length === 1) this.#writeNext()
    return true
  }

  #writeNext(): void {
    const [next] = this.#outbox
    if (!next) return
    this.#duplex.write(next.frame, () => {
      // Also after an error: then the connection ends, and whoever waits hears it by that.
      this.#outbox.shift()
      next.written?.()
      this.#writeNext()
    })
  }

  #receive(chunk: Buffer): void {
    this.#keepalive?.heard()
    try {
      for (const frame of this.#frames.push(chunk)) this.#take(frame)
    } catch (error) {
      // A message that is not understood leaves no place to go on from.
      this.destroy(error)
    }
  }

  #take(frame: Frame): void {
    if (frame.program === keepaliveProgram.program) {
      if (frame.procedure === keepaliveProgram.ping) this.#sendKeepalive(keepaliveProgram.pong)
      return
    }
    switch (frame.type) {
      case messageType.reply:
        return this.#reply(frame)
      case messageType.message:
        return this.#options.onEvent?.(frame.program, frame.procedure, frame.body)
      case messageType.stream:
      case messageType.hole:
        // One that was aborted: the daemon may have sent more before it knew.
        return this.#streams.get(frame.serial)?.receive(frame)
      default:
        throw libvirtErrors.bad_frame({ reason: `a message of the type ${frame.type}` })
    }
  }

  #reply({ serial, status, body }: Frame): void {
    const waiting = this.#waiting.get(serial)
    if (!waiting) throw libvirtErrors.bad_frame({ reason: `an answer to call ${serial}, which was not made` })
    this.#waiting.delete(serial)
    const reader = new XdrReader(body)
    try {
      if (status === messageStatus.error) {
        waiting.reject(remoteError(reader, waiting.procedure))
        return
      }
      const value = waiting.procedure.ret?.read(reader)
      reader.end()
      waiting.resolve(value)
    } catch (error) {
      waiting.reject(error)
    }
  }

  #pauseFor(stream: RpcStream, full: boolean): void {
    const before = this.#full.size
    if (full) this.#full.add(stream)
    else this.#full.delete(stream)
    if (before === 0 && this.#full.size > 0) {
      this.#keepalive?.pause()
      this.#duplex.pause()
    } else if (before > 0 && this.#full.size === 0) {
      this.#keepalive?.heard()
      this.#duplex.resume()
    }
  }

  #end(error: unknown): void {
    if (this.#ended) return
    this.#ended = { error }
    this.#keepalive?.stop()
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    for (const stream of this.#streams.values()) stream.fail(error)
    this.#streams.clear()
    this.#duplex.destroy()
    this.#options.onClose?.(error)
  }
}

/** A transport that knows more (ssh) says it itself. */
function brokenBy(error: unknown): unknown {
  return isAppError(error) ? error : libvirtErrors.lost({ reason: messageOf(error) }, { cause: error })
}

/** All programs have version 1. */
const addressOf = ({ program, number }: { program: number; number: number }) => ({
  program,
  version: 1,
  procedure: number,
})

async function rejected(signal: AbortSignal, until: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true, signal: until })
  })
}
