import { viewOf, type Clock } from '@nixen/core'
import { nbdErrors } from '../errors.ts'
import {
  chunkDone,
  command,
  errnoName,
  simpleReplyLength,
  simpleReplyMagic,
  structuredReplyMagic,
} from '../protocol.ts'
import { encodeRequest } from '../wire.ts'
import type { Negotiated } from './handshake.ts'
import { coversAll, takeChunk, type Pending, type StatusRun } from './reply.ts'

const commandNames = Object.fromEntries(Object.entries(command).map(([name, number]) => [number, name]))

export interface ConnectionOptions {
  /** For messages. */
  readonly where: string
  /** Longest silence in milliseconds while replies are due. */
  readonly timeout: number
  readonly clock: Clock
}

/** One request. `payload` is what a write sends, `into` what a read fills. */
export interface Command {
  readonly type: number
  readonly flags?: number
  readonly offset: number
  readonly length: number
  readonly into?: Uint8Array
  readonly payload?: Uint8Array
  readonly signal?: AbortSignal | undefined
}

/** One connection in the transmission phase. Any number of requests may be on their way; each reply finds its own. */
export class NbdConnection {
  readonly agreed: Negotiated
  readonly #options: ConnectionOptions
  readonly #pending = new Map<number, Pending>()
  #nextHandle = 1
  #dead: Error | undefined
  #watch: NodeJS.Timeout | undefined
  readonly #ended: Promise<void>

  constructor(agreed: Negotiated, options: ConnectionOptions) {
    this.agreed = agreed
    this.#options = options
    this.#ended = this.#receive()
  }

  /** Requests without a reply yet. */
  get load(): number {
    return this.#pending.size
  }

  /** Whether requests can still be sent. */
  get alive(): boolean {
    return this.#dead === undefined
  }

  /** Why it can't be used any more. */
  get reason(): Error | undefined {
    return this.#dead
  }

  /** Sends a request; resolves with the block status it brought (empty for other commands). */
  send(request: Command): Promise<ReadonlyMap<number, readonly StatusRun[]>> {
    if (this.#dead) return Promise.reject(this.#dead)
    if (request.signal?.aborted) return Promise.reject(request.signal.reason as Error)
    return new Promise((resolve, reject) => {
      const onAbort = (): void => abortPending(pending)
      const pending: Pending = {
        command: request.type,
        offset: request.offset,
        length: request.length,
        into: request.into,
        status: new Map(),
        ranges: [],
        failure: undefined,
        busy: false,
        aborted: false,
        settle: (error) => {
          request.signal?.removeEventListener('abort', onAbort)
          if (pending.aborted) reject(request.signal?.reason as Error)
          else if (error === undefined) resolve(pending.status)
          else reject(error)
        },
      }
      request.signal?.addEventListener('abort', onAbort, { once: true })
      this.#transmit(request, pending)
    })
  }

  /** Ends the connection: politely when nothing is due. */
  async close(): Promise<void> {
    if (!this.#dead) {
      const { socket } = this.agreed
      socket.end(
        encodeRequest({ flags: 0, type: command.disconnect, handleHigh: 0, handleLow: 0, offset: 0, length: 0 }),
      )
      this.#die(nbdErrors.closed({ where: this.#options.where }), { gently: true })
    }
    await this.#ended
  }

  #transmit(request: Command, pending: Pending): void {
    const { socket } = this.agreed
    const handle = this.#handle()
    if (this.#pending.size === 0) this.#startWatch()
    this.#pending.set(handle, pending)
    const head = encodeRequest({
      flags: request.flags ?? 0,
      type: request.type,
      handleHigh: 0,
      handleLow: handle,
      offset: request.offset,
      length: request.length,
    })
    if (!request.payload) {
      socket.write(head)
      return
    }
    pending.busy = true
    socket.cork()
    socket.write(head)
    socket.write(request.payload, () => {
      pending.busy = false
      if (pending.aborted) pending.settle()
    })
    socket.uncork()
  }

  #handle(): number {
    do this.#nextHandle = (this.#nextHandle + 1) >>> 0
    while (this.#pending.has(this.#nextHandle))
    return this.#nextHandle
  }

  async #receive(): Promise<void> {
    const { where } = this.#options
    try {
      for (;;) {
        const problem = await this.#receiveOne()
        if (problem === 'cut') throw nbdErrors.disconnected({ where })
        if (problem !== undefined) throw nbdErrors.protocol({ where, problem })
      }
    } catch (error) {
      const known = error instanceof Error && 'retryable' in error
      this.#die(known ? error : nbdErrors.disconnected({ where }, { cause: error }))
    }
  }

  /** Takes one reply, or one part of a structured one; returns what is wrong with it. */
  async #receiveOne(): Promise<string | undefined> {
    const { reader, structured } = this.agreed
    const head = reader.take(simpleReplyLength) ?? (await reader.read(simpleReplyLength))
    if (!head) return 'cut'
    const view = viewOf(head)
    const magic = view.getUint32(0)
    const handle = view.getUint32(12)
    const pending = view.getUint32(8) === 0 ? this.#pending.get(handle) : undefined
    if (magic !== simpleReplyMagic && magic !== structuredReplyMagic) return 'a reply has a wrong magic number'
    if (!pending) return 'it answers a request that was not sent'
    if (magic === simpleReplyMagic) return this.#receiveSimple(handle, pending, view.getUint32(4))
    if (!structured) return 'it sends structured replies though none were agreed on'
    const flags = view.getUint16(4)
    const type = view.getUint16(6)
    const rest = reader.take(4) ?? (await reader.read(4))
    if (!rest) return 'cut'
    const problem = await takeChunk(reader, pending, { type, length: viewOf(rest).getUint32(0) })
    if (problem === undefined && (flags & chunkDone) !== 0) return this.#complete(handle, pending)
    if (pending.aborted) pending.settle()
    return problem
  }

  async #receiveSimple(handle: number, pending: Pending, errno: number): Promise<string | undefined> {
    const { reader, structured } = this.agreed
    if (errno !== 0) pending.failure = { errno, text: '' }
    else if (pending.command === command.blockStatus) return 'a block status came as a simple reply'
    else if (pending.command === command.read) {
      if (structured) return 'data came as a simple reply though structured replies were agreed on'
      pending.busy = true
      const whole =
        pending.into && !pending.aborted ? await reader.readInto(pending.into) : await reader.skip(pending.length)
      pending.busy = false
      if (!whole) return 'cut'
      pending.ranges.push([0, pending.length])
    }
    return this.#complete(handle, pending)
  }

  #complete(handle: number, pending: Pending): string | undefined {
    if (!pending.failure && pending.command === command.read && !coversAll(pending)) {
      return 'the parts of a read do not make up the whole'
    }
    this.#pending.delete(handle)
    if (this.#pending.size === 0) this.#stopWatch()
    pending.settle(pending.failure ? this.#failed(pending, pending.failure.errno, pending.failure.text) : undefined)
    return undefined
  }

  #failed(pending: Pending, errno: number, text: string): Error {
    return nbdErrors.request_failed({
      where: this.#options.where,
      command: commandNames[pending.command] ?? 'do something with',
      offset: pending.offset,
      length: pending.length,
      reason: errnoName(errno),
      text,
    })
  }

  #die(error: Error, { gently = false } = {}): void {
    if (this.#dead) return
    this.#dead = error
    this.#stopWatch()
    if (!gently || this.#pending.size > 0) this.agreed.socket.destroy()
    for (const pending of this.#pending.values()) pending.settle(error)
    this.#pending.clear()
  }

  /** A server may think for long, but not be silent for longer than the time-out while it owes replies. */
  #startWatch(): void {
    const { clock, timeout, where } = this.#options
    let seen = this.agreed.socket.bytesRead
    let since = clock.monotonic()
    this.#watch = setInterval(
      () => {
        if (this.agreed.socket.bytesRead !== seen) {
          seen = this.agreed.socket.bytesRead
          since = clock.monotonic()
        } else if (clock.monotonic() - since >= timeout) {
          this.#die(nbdErrors.timeout({ where, ms: timeout }))
        }
      },
      Math.max(10, timeout / 4),
    )
    this.#watch.unref()
  }

  #stopWatch(): void {
    clearInterval(this.#watch)
    this.#watch = undefined
  }
}

/** An abort frees the caller at once unless its memory is being filled or sent. The reply is still waited for, and thrown away. */
function abortPending(pending: Pending): void {
  pending.aborted = true
  if (!pending.busy) pending.settle()
}
