import { isAppError, messageOf, systemCode, viewOf, type Log } from '@nixen/core'
import {
  allocationFlag,
  chunk,
  chunkDone,
  chunkHeaderLength,
  command,
  commandFlag,
  defaultMaxRequest,
  errno,
  requestLength,
} from '../protocol.ts'
import { decodeRequest, encodeChunk, encodeSimpleReply, encodeText, type Request } from '../wire.ts'
import type { BufferPool } from './buffer-pool.ts'
import { ByteBudget } from './byte-budget.ts'
import { statusMapOf } from './extent-map.ts'
import type { NbdSession } from './negotiation.ts'

/** Room before the data of a reply, so that header and data are one write. */
const headroom = 64
/** Header of a chunk of data with its offset. */
const dataHeaderLength: number = chunkHeaderLength + 8
/** More parts in one reply than this are not worth it: the range is read as a whole. */
const maxParts = 64

export interface TransmissionOptions {
  /** Bytes in use by all connections. */
  readonly budget: ByteBudget
  readonly pool: BufferPool
  /** Requests of one connection that are worked on at a time. */
  readonly maxInFlight: number
  /** Bytes in use by one connection. */
  readonly maxBytes: number
  readonly log: Log
  /** Aborted when the connection is gone: nobody waits for results any more. */
  readonly signal: AbortSignal
}

/** The transmission phase of one connection. */
export class Transmission {
  readonly #session: NbdSession
  readonly #options: TransmissionOptions
  readonly #own: ByteBudget
  readonly #running = new Set<Promise<void>>()
  #stopping = false
  #receiving = false

  constructor(session: NbdSession, options: TransmissionOptions) {
    this.#session = session
    this.#options = options
    this.#own = new ByteBudget(options.maxBytes)
  }

  /** Takes requests until the client leaves, breaks the protocol, or `stop` is called; then waits for those under way. */
  async run(): Promise<void> {
    const { reader } = this.#session
    try {
      while (!this.#stopping) {
        const head = reader.take(requestLength) ?? (await reader.read(requestLength))
        const request = head && decodeRequest(head)
        if (!request || request.type === command.disconnect) break
        if (!(await this.#accept(request))) break
      }
    } finally {
      await Promise.all(this.#running)
    }
  }

  /** Whether the next move is the client's: to send the rest of a payload, or to take replies. */
  get waitsForClient(): boolean {
    return this.#receiving || this.#session.socket.writableLength > 0
  }

  /** Takes no more requests; those under way are answered. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#running)
  }

  /** Starts a request; `false` when the connection can't go on. */
  async #accept(request: Request): Promise<boolean> {
    const carries = request.type === command.write
    // Passing over the payload of a giant write would keep us busy for a client that breaks the rules.
    if (carries && request.length > defaultMaxRequest) return false
    const bytes = carries || request.type === command.read ? Math.min(request.length, defaultMaxRequest) : 0
    await this.#take(bytes + headroom)
    let payload: Uint8Array | undefined
    if (carries) {
      payload = this.#options.pool.take(request.length)
      this.#receiving = true
      const whole = await this.#session.reader.readInto(payload.subarray(0, request.length))
      this.#receiving = false
      if (!whole) {
        this.#give(bytes + headroom, payload)
        return false
      }
    }
    const work = this.#perform(request, payload).finally(() => {
      this.#give(bytes + headroom, payload)
      this.#running.delete(work)
    })
    this.#running.add(work)
    if (this.#running.size >= this.#options.maxInFlight) await Promise.race(this.#running)
    return true
  }

  async #take(bytes: number): Promise<void> {
    if (!this.#own.tryTake(bytes)) await this.#own.take(bytes)
    if (!this.#options.budget.tryTake(bytes)) await this.#options.budget.take(bytes)
  }

  #give(bytes: number, buffer: Uint8Array | undefined): void {
    if (buffer) this.#options.pool.give(buffer)
    this.#own.give(bytes)
    this.#options.budget.give(bytes)
  }

  async #perform(request: Request, payload: Uint8Array | undefined): Promise<void> {
    const refusal = this.#refusal(request)
    if (refusal !== undefined) return this.#fail(request, refusal, 'the request is not valid for this export')
    try {
      await this.#command(request, payload)
    } catch (error) {
      if (this.#options.signal.aborted) return
      const { log } = this.#options
      log.warn('an NBD request failed', { export: this.#session.export.name, ...request, error: messageOf(error) })
      // Sentences may name files of this machine, codes do not.
      await this.#fail(request, errnoOf(error), isAppError(error) ? error.code : '')
    }
  }

  async #command(request: Request, payload: Uint8Array | undefined): Promise<void> {
    const { writable } = this.#session.export
    const { signal } = this.#options
    switch (request.type) {
      case command.read:
        return this.#read(request)
      case command.blockStatus:
        return this.#blockStatus(request)
      case command.write:
        if (payload) await writable?.write(request.offset, payload.subarray(0, request.length), { signal })
        break
      case command.writeZeroes:
        await writable?.zero(request.offset, request.length, { signal })
        break
      case command.flush:
        await writable?.flush({ signal })
        return this.#succeed(request)
    }
    if ((request.flags & commandFlag.fua) !== 0) await writable?.flush({ signal })
    return this.#succeed(request)
  }

  /** The error that a request gets before any work, if it gets one. */
  #refusal(request: Request): number | undefined {
    const { source, writable } = this.#session.export
    const { type, offset, length, flags } = request
    const known = type <= command.flush || type === command.writeZeroes || type === command.blockStatus
    if (!known || (flags & ~allowedFlags(type)) !== 0) return errno.EINVAL
    const writes = type === command.write || type === command.writeZeroes
    if (writes && !writable) return errno.EPERM
    if (type === command.flush) return undefined
    if (offset + length > source.size) return writes ? errno.ENOSPC : errno.EINVAL
    if (type === command.read && length > defaultMaxRequest) return errno.EINVAL
    if (type === command.blockStatus && (length === 0 || this.#session.contexts.length === 0)) return errno.EINVAL
    return undefined
  }

  async #read(request: Request): Promise<void> {
    const { structured, export: exported } = this.#session
    const { offset, length } = request
    if (length === 0) return this.#succeed(request)
    const runs =
      structured && (request.flags & commandFlag.df) === 0
        ? statusMapOf(exported.source).peek(offset, length)
        : undefined
    if (!runs || runs.length > maxParts) return this.#data(request, { offset, length, last: true })
    let at = offset
    for (const [index, run] of runs.entries()) {
      const part = { offset: at, length: run.length, last: index === runs.length - 1 }
      if ((run.flags & allocationFlag.zero) !== 0) this.#hole(request, part)
      else await this.#data(request, part)
      at += run.length
    }
  }

  async #data(request: Request, part: { offset: number; length: number; last: boolean }): Promise<void> {
    const { structured, export: exported, socket } = this.#session
    const buffer = this.#options.pool.take(part.length + headroom)
    try {
      const end = headroom + part.length
      await exported.source.read(part.offset, buffer.subarray(headroom, end), { signal: this.#options.signal })
      const header = structured
        ? encodeChunk(request, { flags: part.last ? chunkDone : 0, type: chunk.offsetData, length: part.length + 8 }, 8)
        : encodeSimpleReply(request, 0)
      if (structured) viewOf(header).setBigUint64(dataHeaderLength - 8, BigInt(part.offset))
      buffer.set(header, headroom - header.length)
      // The memory and its share of the budget are free when the system has taken the bytes: a client that does not read gets no more.
      await new Promise<void>((resolve) => {
        socket.write(buffer.subarray(headroom - header.length, end), () => resolve())
      })
    } finally {
      this.#options.pool.give(buffer)
    }
  }

  #hole(request: Request, part: { offset: number; length: number; last: boolean }): void {
    const bytes = encodeChunk(request, { flags: part.last ? chunkDone : 0, type: chunk.offsetHole, length: 12 }, 12)
    viewOf(bytes).setBigUint64(chunkHeaderLength, BigInt(part.offset))
    viewOf(bytes).setUint32(chunkHeaderLength + 8, part.length)
    this.#session.socket.write(bytes)
  }

  async #blockStatus(request: Request): Promise<void> {
    const { contexts, export: exported } = this.#session
    const one = (request.flags & commandFlag.reqOne) !== 0
    for (const [index, context] of contexts.entries()) {
      const map = statusMapOf(exported.source, context.since)
      const found = await map.query(request.offset, request.length, this.#options.signal)
      const runs = one ? found.slice(0, 1) : found
      const flags = index === contexts.length - 1 ? chunkDone : 0
      const bytes = encodeChunk(
        request,
        { flags, type: chunk.blockStatus, length: 4 + 8 * runs.length },
        4 + 8 * runs.length,
      )
      const view = viewOf(bytes)
      view.setUint32(chunkHeaderLength, context.id)
      for (const [at, run] of runs.entries()) {
        view.setUint32(chunkHeaderLength + 4 + 8 * at, run.length)
        view.setUint32(chunkHeaderLength + 8 + 8 * at, run.flags)
      }
      await this.#send(bytes)
    }
  }

  async #succeed(request: Request): Promise<void> {
    const { structured } = this.#session
    await this.#send(
      structured && request.type === command.read
        ? encodeChunk(request, { flags: chunkDone, type: chunk.none, length: 0 })
        : encodeSimpleReply(request, 0),
    )
  }

  async #fail(request: Request, error: number, text: string): Promise<void> {
    if (!this.#session.structured) return this.#send(encodeSimpleReply(request, error))
    const sentence = encodeText(text)
    const length = 6 + sentence.length
    const bytes = encodeChunk(request, { flags: chunkDone, type: chunk.error, length }, length)
    viewOf(bytes).setUint32(chunkHeaderLength, error)
    viewOf(bytes).setUint16(chunkHeaderLength + 4, sentence.length)
    bytes.set(sentence, chunkHeaderLength + 6)
    await this.#send(bytes)
  }

  /** Resolves when the system has taken the bytes, or the connection is gone. */
  #send(bytes: Uint8Array): Promise<void> {
    const { socket } = this.#session
    return new Promise((resolve) => void socket.write(bytes, () => resolve()))
  }
}

function allowedFlags(type: number): number {
  // "FUA may be set on any command"; it means nothing on those that write nothing.
  if (type === command.read) return commandFlag.df | commandFlag.fua
  if (type === command.writeZeroes) return commandFlag.noHole | commandFlag.fua
  return type === command.blockStatus ? commandFlag.reqOne | commandFlag.fua : commandFlag.fua
}

function errnoOf(error: unknown): number {
  const cause = error instanceof Error ? (systemCode(error.cause) ?? systemCode(error)) : undefined
  if (cause === 'ENOSPC' || cause === 'EDQUOT') return errno.ENOSPC
  if (cause === 'EACCES' || cause === 'EPERM' || cause === 'EROFS') return errno.EPERM
  return errno.EIO
}
