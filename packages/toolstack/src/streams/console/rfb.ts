import type { Duplex } from 'node:stream'
import { ByteReader, isAppError, systemCode, viewOf } from '@nixen/core'
import { Screen } from './screen.ts'

// The Remote Framebuffer Protocol, version 3.8 (RFC 6143): no password, raw pixels.

interface PixelFormat {
  readonly bits: number
  readonly bigEndian: boolean
  readonly max: readonly [number, number, number]
  readonly shift: readonly [number, number, number]
}

const usualFormat: PixelFormat = { bits: 32, bigEndian: false, max: [255, 255, 255], shift: [16, 8, 0] }
const foreground = [220, 220, 220] as const
const background = [12, 20, 32] as const

/** Shows a text screen to an RFB client, and what it types, until one of both leaves. */
export async function serveRfb(socket: Duplex, { name, text }: { name: string; text: string }): Promise<void> {
  // A socket without an encoding yields buffers.
  const reader = new ByteReader(socket as AsyncIterable<Buffer>)
  try {
    const session = new RfbSession(socket, reader)
    await session.greet(name)
    session.screen.write(text)
    for (;;) await session.message()
  } catch (error) {
    // The client left, in the middle of a message or between two.
    if (!isAppError(error, 'stream.truncated') && systemCode(error) === undefined) throw error
  } finally {
    socket.destroy()
  }
}

class RfbSession {
  readonly screen = new Screen()
  readonly #socket: Duplex
  readonly #reader: ByteReader
  #format = usualFormat
  /** The screen changed since it was sent. */
  #changed = true
  /** The client waits for a change. */
  #waiting = false

  constructor(socket: Duplex, reader: ByteReader) {
    this.#socket = socket
    this.#reader = reader
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
    init.writeUInt16BE(this.screen.width, 0)
    init.writeUInt16BE(this.screen.height, 2)
    encodeFormat(usualFormat).copy(init, 4)
    init.writeUInt32BE(label.length, 20)
    label.copy(init, 24)
    this.#socket.write(init)
  }

  /** Takes one message of the client. */
  async message(): Promise<void> {
    const [type = 0] = await this.#reader.read(1)
    switch (type) {
      case 0:
        this.#format = decodeFormat((await this.#reader.read(19)).slice(3))
        return
      case 2: {
        const head = await this.#reader.read(3)
        return await this.#reader.skip(4 * viewOf(head).getUint16(1))
      }
      case 3: {
        const [incremental] = await this.#reader.read(9)
        this.#waiting = true
        this.#changed ||= incremental === 0
        return await this.#show()
      }
      case 4: {
        const head = (await this.#reader.read(7)).slice()
        if (head[0] === 1) this.#type(viewOf(head).getUint32(3))
        return await this.#show()
      }
      case 5:
        return await this.#reader.skip(5)
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
    if (text === '') return
    this.screen.write(text)
    this.#changed = true
  }

  async #show(): Promise<void> {
    if (!this.#waiting || !this.#changed) return
    this.#waiting = false
    this.#changed = false
    const { width, height } = this.screen
    const bytes = this.#format.bits / 8
    const update = Buffer.alloc(16 + width * height * bytes)
    // FramebufferUpdate with one rectangle, raw.
    update.writeUInt16BE(1, 2)
    update.writeUInt16BE(width, 8)
    update.writeUInt16BE(height, 10)
    const pixels = [background, foreground].map((colour) => encodePixel(this.#format, colour))
    for (let y = 0, at = 16; y < height; y++) {
      for (let x = 0; x < width; x++, at += bytes) pixels[this.screen.lit(x, y) ? 1 : 0]?.copy(update, at)
    }
    if (!this.#socket.write(update))
      await new Promise<void>((resolve) => void this.#socket.once('drain', resolve).once('close', resolve))
  }
}

function encodePixel({ bits, bigEndian, max, shift }: PixelFormat, colour: readonly [number, number, number]): Buffer {
  let value = 0
  for (const i of [0, 1, 2] as const) value += Math.round((colour[i] * max[i]) / 255) * 2 ** shift[i]
  const bytes = Buffer.alloc(bits / 8)
  if (bigEndian) bytes.writeUIntBE(value, 0, bytes.length)
  else bytes.writeUIntLE(value, 0, bytes.length)
  return bytes
}

function encodeFormat({ bits, bigEndian, max, shift }: PixelFormat): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.set([bits, 24, bigEndian ? 1 : 0, 1])
  for (const i of [0, 1, 2] as const) {
    bytes.writeUInt16BE(max[i], 4 + 2 * i)
    bytes[10 + i] = shift[i]
  }
  return bytes
}

/** Formats that are no true colour of one, two or four bytes get the usual one. */
function decodeFormat(bytes: Uint8Array): PixelFormat {
  const view = viewOf(bytes)
  const bits = view.getUint8(0)
  if (![8, 16, 32].includes(bits) || view.getUint8(3) === 0) return usualFormat
  const shift = [view.getUint8(10), view.getUint8(11), view.getUint8(12)] as const
  const max = [view.getUint16(4), view.getUint16(6), view.getUint16(8)] as const
  const fits = ([0, 1, 2] as const).every((i) => max[i] * 2 ** shift[i] < 2 ** bits)
  return fits ? { bits, bigEndian: view.getUint8(2) !== 0, max, shift } : usualFormat
}
