import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { consoleSubprotocols, type ConsoleTicket } from '@nixen/api'
import { ByteReader, viewOf } from '@nixen/core'
import { createWebSocketStream, WebSocket, type ClientOptions } from 'ws'

/** The address of the WebSocket of a ticket, from that of the server. */
export function consoleUrl(server: string, { url }: Pick<ConsoleTicket, 'url'>): string {
  return new URL(url, server).href.replace(/^http/, 'ws')
}

/** Opens the WebSocket of a ticket as a browser would. */
export function dial(server: string, ticket: ConsoleTicket, options: ClientOptions = {}): WebSocket {
  const socket = new WebSocket(consoleUrl(server, ticket), [...consoleSubprotocols(ticket.ticket)], options)
  socket.on('error', () => undefined)
  return socket
}

/** The status and code that a WebSocket is refused with. */
export async function refusalOf(socket: WebSocket): Promise<{ readonly status: number; readonly code: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    socket.on('unexpected-response', (_request, answer) => resolve(answer))
    socket.on('open', () => reject(new Error('It was opened')))
  })
  const body = Buffer.concat(await response.toArray()).toString()
  const { error } = JSON.parse(body) as { error: { code: string } }
  return { status: response.statusCode ?? 0, code: error.code }
}

/** How a WebSocket is closed. */
export async function closeOf(socket: WebSocket): Promise<{ readonly code: number; readonly reason: string }> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  return { code, reason: reason.toString() }
}

/** A viewer: the Remote Framebuffer Protocol 3.8 with raw pixels of 32 bits (RFC 6143). */
export class RfbClient {
  readonly width: number
  readonly height: number
  readonly name: string
  readonly #stream: Duplex
  readonly #reader: ByteReader
  readonly #pixels: Uint8Array

  private constructor(
    stream: Duplex,
    reader: ByteReader,
    { width, height, name }: { width: number; height: number; name: string },
  ) {
    this.#stream = stream
    this.#reader = reader
    this.width = width
    this.height = height
    this.name = name
    this.#pixels = new Uint8Array(width * height)
  }

  static async greet(socket: WebSocket): Promise<RfbClient> {
    const stream = createWebSocketStream(socket)
    stream.on('error', () => undefined)
    const reader = new ByteReader(stream as AsyncIterable<Buffer>)
    const version = Buffer.from(await reader.read(12)).toString()
    if (version !== 'RFB 003.008\n') throw new Error(`Not RFB 3.8 but ${version}`)
    stream.write(version)
    const [count = 0] = await reader.read(1)
    const types = [...(await reader.read(count))]
    if (!types.includes(1)) throw new Error(`It wants security ${types.join()}`)
    stream.write(Buffer.from([1]))
    if (viewOf((await reader.read(4)).slice()).getUint32(0) !== 0) throw new Error('It refused')
    stream.write(Buffer.from([0]))
    const init = viewOf((await reader.read(24)).slice())
    const name = Buffer.from(await reader.read(init.getUint32(20))).toString()
    const client = new RfbClient(stream, reader, { width: init.getUint16(0), height: init.getUint16(2), name })
    // Raw, and extensions that a server would answer by taking more of a viewer.
    client.send([2, 0, 0, 3, ...int32(0), ...int32(-258), ...int32(-313)])
    return client
  }

  send(bytes: readonly number[]): void {
    this.#stream.write(Buffer.from(bytes))
  }

  /** Presses and lets go of a key. */
  key(symbol: number): void {
    for (const down of [1, 0]) this.send([4, down, 0, 0, ...int32(symbol)])
  }

  point(x: number, y: number, buttons: number): void {
    this.send([5, buttons, x >> 8, x & 255, y >> 8, y & 255])
  }

  cutText(text: string): void {
    this.send([6, 0, 0, 0, ...int32(text.length), ...Buffer.from(text, 'latin1')])
  }

  /** Asks for the whole screen and takes the update. */
  async look(): Promise<void> {
    const [w, h] = [this.width, this.height]
    this.send([3, 0, 0, 0, 0, 0, w >> 8, w & 255, h >> 8, h & 255])
    const [type] = await this.#reader.read(1)
    if (type !== 0) throw new Error(`It sent a message of type ${type}`)
    const rectangles = viewOf((await this.#reader.read(3)).slice()).getUint16(1)
    for (let i = 0; i < rectangles; i++) await this.#takeRectangle()
  }

  async #takeRectangle(): Promise<void> {
    const head = viewOf((await this.#reader.read(12)).slice())
    const [x, y, w, h] = [head.getUint16(0), head.getUint16(2), head.getUint16(4), head.getUint16(6)]
    if (head.getInt32(8) !== 0) throw new Error('It sent an encoding that nobody asked for')
    for (let row = y; row < y + h; row++) {
      const line = await this.#reader.read(4 * w)
      for (let i = 0; i < w; i++) this.#pixels[row * this.width + x + i] = (line[4 * i] ?? 0) > 128 ? 1 : 0
    }
  }

  isLit(x: number, y: number): boolean {
    return this.#pixels[y * this.width + x] === 1
  }

  /** How many pixels of a character's three by five points, of three by three pixels each, are lit: 0 to 135. */
  litIn(row: number, column: number): number {
    let lit = 0
    for (let y = 0; y < 15; y++) for (let x = 0; x < 9; x++) if (this.isLit(column * 12 + x, row * 18 + y)) lit++
    return lit
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#stream, 'close')
    this.#stream.destroy()
    await closed
  }
}

function int32(value: number): readonly number[] {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value | 0)
  return [...bytes]
}
