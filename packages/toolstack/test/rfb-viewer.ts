import type { Duplex } from 'node:stream'
import { ByteReader } from '@nixen/core'

/** A client of RFB 3.8 (RFC 6143) that keeps what it was shown. */
export class RfbViewer {
  readonly #socket: Duplex
  readonly #reader: ByteReader
  name = ''
  width = 0
  height = 0
  pixels: Uint32Array = new Uint32Array()

  constructor(socket: Duplex) {
    this.#socket = socket
    // A socket without an encoding yields buffers.
    this.#reader = new ByteReader(socket as AsyncIterable<Buffer>)
  }

  async #expect(wanted: Uint8Array): Promise<void> {
    const got = Buffer.from(await this.#reader.read(wanted.length))
    if (!got.equals(wanted))
      throw new Error(`${got.toString('hex')} in place of ${Buffer.from(wanted).toString('hex')}`)
  }

  async #numbers(count: number): Promise<number[]> {
    const bytes = Buffer.from(await this.#reader.read(2 * count))
    return Array.from({ length: count }, (_, i) => bytes.readUInt16BE(2 * i))
  }

  async greet(): Promise<void> {
    await this.#expect(Buffer.from('RFB 003.008\n'))
    this.#socket.write('RFB 003.008\n')
    // One kind of security: none.
    await this.#expect(Buffer.from([1, 1]))
    this.#socket.write(Buffer.from([1]))
    await this.#expect(Buffer.alloc(4))
    this.#socket.write(Buffer.from([1]))
    const [width = 0, height = 0] = await this.#numbers(2)
    await this.#reader.skip(16)
    const [, length = 0] = await this.#numbers(2)
    this.name = Buffer.from(await this.#reader.read(length)).toString()
    Object.assign(this, { width, height, pixels: new Uint32Array(width * height) })
  }

  /** Asks for an update and takes it; resolves to x, y, width and height of what it changed. */
  async look(incremental: boolean): Promise<number[]> {
    const ask = Buffer.from([3, incremental ? 1 : 0, 0, 0, 0, 0, 0, 0, 0, 0])
    ask.writeUInt16BE(this.width, 6)
    ask.writeUInt16BE(this.height, 8)
    this.#socket.write(ask)
    await this.#expect(Buffer.from([0, 0, 0, 1]))
    const [x = 0, y = 0, width = 0, height = 0] = await this.#numbers(4)
    // Raw.
    await this.#expect(Buffer.alloc(4))
    for (let row = y; row < y + height; row++) {
      const line = new Uint8Array(await this.#reader.read(width * 4))
      this.pixels.set(new Uint32Array(line.buffer), row * this.width + x)
    }
    return [x, y, width, height]
  }

  /** Presses a key and lets it go. */
  key(code: number): void {
    for (const down of [1, 0]) this.#socket.write(Buffer.from([4, down, 0, 0, 0, 0, code >> 8, code & 255]))
  }

  point(x: number, y: number, buttons: number): void {
    this.#socket.write(Buffer.from([5, buttons, x >> 8, x & 255, y >> 8, y & 255]))
  }
}
