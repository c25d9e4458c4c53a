import type { Duplex } from 'node:stream'
import { consoleEnds, type ConsoleEnd } from '@nixen/api'
import { isAbort, type Clock } from '@nixen/core'
import type { RawData, WebSocket } from 'ws'
import type { ViewerFilter } from './filter.ts'
import { RfbViolation } from './rfb-watcher.ts'
import { sayGoodbye } from './say-goodbye.ts'

/** Why a console ends: the reason that its signal is aborted with. */
export class Ended extends Error {
  override readonly name = 'AbortError'
  readonly end: ConsoleEnd

  constructor(end: ConsoleEnd) {
    super(consoleEnds[end].text)
    this.end = end
  }
}

export interface RelayLimits {
  /** How often it is looked whether the viewer is still there, milliseconds. */
  readonly beat: number
  /** A viewer that is not heard of for so long, pings answered included, is gone; milliseconds. */
  readonly silent: number
  /** A console ends when for so long nothing comes from either side; milliseconds. */
  readonly idle: number
}
export const relayLimits: RelayLimits = { beat: 15_000, silent: 60_000, idle: 30 * 60_000 }

export interface RelayOptions {
  readonly filter: ViewerFilter
  readonly clock: Clock
  readonly limits: RelayLimits
  /** Aborted with {@link Ended}. */
  readonly signal: AbortSignal
}

/** How it went. */
export interface Relayed {
  readonly end: ConsoleEnd
  readonly bytesToViewer: number
  readonly bytesFromViewer: number
}

/** The console is not read on while more than so many bytes wait for the viewer. */
const mostWaiting = 256 * 1024

/**
 * Passes the bytes of a console on to a WebSocket, and those of the viewer back through a filter, until one of both leaves or the signal
 * says so. Neither side is read faster than the other takes: what waits is bounded whatever is sent. Both are closed afterwards. Never rejects.
 */
export async function relay(viewer: WebSocket, console: Duplex, options: RelayOptions): Promise<Relayed> {
  const session = new Relay(viewer, console, options)
  return await session.run()
}

class Relay {
  readonly #viewer: WebSocket
  readonly #console: Duplex
  readonly #options: RelayOptions
  readonly #over = new AbortController()
  #wake = (): void => undefined
  #bytesToViewer = 0
  #bytesFromViewer = 0
  /** Monotonic: anything of the viewer, and bytes of either side. */
  #heard: number
  #active: number

  constructor(viewer: WebSocket, console: Duplex, options: RelayOptions) {
    this.#viewer = viewer
    this.#console = console
    this.#options = options
    this.#heard = this.#active = options.clock.monotonic()
  }

  async run(): Promise<Relayed> {
    const { signal } = this.#options
    const onAbort = (): void => this.#end(signal.reason instanceof Ended ? signal.reason.end : 'stopping')
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#listen()
    await Promise.all([this.#show(), this.#beat()])
    signal.removeEventListener('abort', onAbort)
    // Aborted by `#end` only.
    const { end } = this.#over.signal.reason as Ended
    this.#console.destroy()
    const { code, text } = consoleEnds[end]
    // One that does not answer is not asked to say goodbye.
    if (end === 'silent') this.#viewer.terminate()
    await sayGoodbye(this.#viewer, code, text)
    return { end, bytesToViewer: this.#bytesToViewer, bytesFromViewer: this.#bytesFromViewer }
  }

  /** The first reason counts. */
  #end(end: ConsoleEnd): void {
    this.#over.abort(new Ended(end))
    // Ends the loop that reads it, and its wait for a viewer.
    this.#console.destroy()
    this.#wake()
  }

  #listen(): void {
    const viewer = this.#viewer
    viewer.on('message', (data, isBinary) => this.#take(data, isBinary))
    viewer.on('pong', () => (this.#heard = this.#options.clock.monotonic()))
    viewer.on('close', () => this.#end('viewer'))
    // Too long a message, or one that is none: `ws` closes with the code for it.
    viewer.on('error', () => this.#end('viewer'))
    if (viewer.readyState !== viewer.OPEN) this.#end('viewer')
    this.#console.on('drain', () => viewer.resume())
    this.#console.on('error', () => this.#end('host'))
    // What came before the console was open has waited.
    viewer.resume()
  }

  /** The viewer's bytes. While the console does not take them, none are read. */
  #take(data: RawData, isBinary: boolean): void {
    if (this.#over.signal.aborted) return
    if (!isBinary) return this.#end('text_message')
    // `binaryType` is the usual one, of which the messages are buffers.
    const bytes = data as Buffer
    this.#heard = this.#active = this.#options.clock.monotonic()
    this.#bytesFromViewer += bytes.length
    this.#filtered(() => this.#options.filter.fromViewer(bytes))
  }

  #filtered(parts: () => readonly Uint8Array[]): void {
    try {
      for (const part of parts()) if (!this.#console.write(part)) this.#viewer.pause()
    } catch (error) {
      if (!(error instanceof RfbViolation)) throw error
      this.#end('protocol')
    }
  }

  /** The console's bytes. While the viewer does not take them, none are read. */
  async #show(): Promise<void> {
    try {
      // A stream without an encoding yields buffers.
      for await (const bytes of this.#console as AsyncIterable<Buffer>) {
        this.#active = this.#options.clock.monotonic()
        this.#filtered(() => this.#options.filter.fromServer(bytes))
        await this.#send(bytes)
        this.#bytesToViewer += bytes.length
      }
      this.#end('host')
    } catch {
      // Whatever broke it: the viewer learns that the console is over. It is also broken to end it, and then a reason is known.
      this.#end('host')
    }
  }

  async #send(bytes: Buffer): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    // A failure shows as the close of the viewer.
    this.#viewer.send(bytes, { binary: true }, () => resolve())
    if (this.#viewer.bufferedAmount < mostWaiting) return
    this.#wake = resolve
    if (!this.#over.signal.aborted) await promise
  }

  /** Finds out whether the viewer is still there, and whether anything happens. */
  async #beat(): Promise<void> {
    const { clock, limits } = this.#options
    const { signal } = this.#over
    try {
      while (!signal.aborted) {
        await clock.sleep(limits.beat, { signal })
        const now = clock.monotonic()
        if (now - this.#active >= limits.idle) this.#end('idle')
        // One that is not read because the console is slow cannot be heard.
        else if (now - this.#heard >= limits.silent && !this.#viewer.isPaused) this.#end('silent')
        else this.#viewer.ping()
      }
    } catch (error) {
      if (!isAbort(error, signal)) throw error
    }
  }
}
