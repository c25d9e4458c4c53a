import type { Duplex } from 'node:stream'
import { ByteReader, isAppError, systemCode, viewOf } from '@nixen/core'
import { decodeFormat, encodeFormat, encodePixel, usualFormat, type Colour } from './pixel-format.ts'
import type { Screen } from './screen.ts'

// The Remote Framebuffer Protocol, version 3.8 (RFC 6143): no password, raw pixels.

/** The colours of a screen's lit pixels and of the others. */
export const foreground: Colour = [220, 220, 220]
export const background: Colour = [12, 20, 32]

interface Rectangle {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Shows a screen to an RFB client, and what it types on it, until one of both leaves. */
export async function serveRfb(socket: Duplex, { name, screen }: { name: string; screen: Screen }): Promise<void> {
  // A socket without an encoding yields buffers.
  const reader = new ByteReader(socket as AsyncIterable<Buffer>)
  const session = new RfbSession(socket, reader, screen)
  const unwatch = screen.watch(() => session.show())
  try {
    await session.greet(name)
    for (;;) await session.message()
  } catch (error) {
    // The client left, in the middle of a message or between two.
    if (!isAppError(error, 'stream.truncated') && systemCode(error) === undefined) throw error
  } finally {
    unwatch()
    socket.destroy()
  }
}

class RfbSession {
  readonly #socket: Duplex
  readonly #reader: ByteReader
  readonly #screen: Screen
  #format = usualFormat
  /** What the client was last sent of each pixel; 2 where it was sent nothing. */
  readonly #sent: Uint8Array
  /** The client waits for a change. */
  #waiting = false

  constructor(socket: Duplex, reader: ByteReader, screen: Screen) {
    this.#socket = socket
    this.#reader = reader
    this.#screen = screen
    this.#sent = new Uint8Array(screen.width * screen.height).fill(2)
  }

  async greet(name: string): Promise<void> {
    this.#socket.write('RFB 003.008\n')
    const version = Buffer.from(await this.#reader.read(12)).toString('latin1')
    if (version < 'RFB 003.007') this.#socket.write(Buffer.from([0, 0, 0, 1]))
    else {
      // One kind of security: none. Before 3.8 its result is not told.
      this.#socket.write(Buffer.from([1, 1]))
      await this.#reader.read(1)
      if (version >= 'RFB 003.008') this.#socket.write(Buffer.alloc(4))
    }
    await this.#reader.read(1)
    const label = Buffer.from(name)
    const init = Buffer.alloc(24 + label.length)
    init.writeUInt16BE(this.#screen.width, 0)
    init.writeUInt16BE(this.#screen.height, 2)
    encodeFormat(usualFormat).copy(init, 4)
    init.writeUInt32BE(label.length, 20)
    label.copy(init, 24)
    this.#socket.write(init)
  }

  /** Takes one message of the client, when it has taken what it was sent. */
  async message(): Promise<void> {
    if (this.#socket.writableNeedDrain)
      await new Promise<void>((resolve) => void this.#socket.once('drain', resolve).once('close', resolve))
    const [type = 0] = await this.#reader.read(1)
    switch (type) {
      case 0:
        this.#format = decodeFormat((await this.#reader.read(19)).slice(3))
        this.#sent.fill(2)
        return
      case 2: {
        const head = await this.#reader.read(3)
        return await this.#reader.skip(4 * viewOf(head).getUint16(1))
      }
      case 3: {
        const head = (await this.#reader.read(9)).slice()
        if (head[0] === 0) this.#forget(head)
        this.#waiting = true
        return this.show()
      }
      case 4: {
        const head = (await this.#reader.read(7)).slice()
        if (head[0] === 1) this.#type(viewOf(head).getUint32(3))
        return
      }
      case 5: {
        const head = viewOf((await this.#reader.read(5)).slice())
        return this.#screen.point(head.getUint16(1), head.getUint16(3), head.getUint8(0) !== 0)
      }
      case 6: {
        const head = await this.#reader.read(7)
        return await this.#reader.skip(Math.min(viewOf(head).getUint32(3), 1 << 20))
      }
      default:
        // Anything else is another protocol, of which the lengths are not known.
        this.#socket.destroy()
        await this.#reader.read(1)
    }
  }

  #type(key: number): void {
    const text =
      key === 0xff0d ? '\n# ' : key === 0xff08 ? '\b' : key >= 0x20 && key < 0x7f ? String.fromCodePoint(key) : ''
    if (text !== '') this.#screen.write(text)
  }

  /** The client asks for an area whether it changed or not. */
  #forget(request: Uint8Array): void {
    const view = viewOf(request)
    const { width, height } = this.#screen
    const [left, top] = [Math.min(view.getUint16(1), width), Math.min(view.getUint16(3), height)]
    const right = Math.min(left + view.getUint16(5), width)
    const bottom = Math.min(top + view.getUint16(7), height)
    for (let y = top; y < bottom; y++) this.#sent.fill(2, y * width + left, y * width + right)
  }

  /** Sends what changed, if the client waits for it. */
  show(): void {
    if (!this.#waiting) return
    const pixels = this.#screen.pixels()
    const area = difference(this.#sent, pixels, this.#screen)
    if (!area) return
    this.#waiting = false
    this.#sent.set(pixels)
    this.#socket.write(this.#update(pixels, area))
  }

  /** FramebufferUpdate with one rectangle, raw. */
  #update(pixels: Uint8Array, { x, y, width, height }: Rectangle): Buffer {
    const bytes = this.#format.bits / 8
    const update = Buffer.alloc(16 + width * height * bytes)
    for (const [i, number] of [0, 1, x, y, width, height].entries()) update.writeUInt16BE(number, 2 * i)
    const colours = [background, foreground].map((colour) => encodePixel(this.#format, colour))
    let at = 16
    for (let row = y; row < y + height; row++) {
      const line = pixels.subarray(row * this.#screen.width + x, row * this.#screen.width + x + width)
      for (const pixel of line) {
        const colour = colours[pixel]
        for (let i = 0; i < bytes; i++) update[at++] = colour?.[i] ?? 0
      }
    }
    return update
  }
}

/** The least rectangle around all pixels that differ. */
function difference(
  before: Uint8Array,
  now: Uint8Array,
  { width, height }: { width: number; height: number },
): Rectangle | undefined {
  let [left, right, top, bottom] = [width, -1, height, -1]
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = y * width; x < width; x++, at++) {
      if (before[at] === now[at]) continue
      left = Math.min(left, x)
      right = Math.max(right, x)
      top = Math.min(top, y)
      bottom = y
    }
  }
  return right < 0 ? undefined : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 }
}
