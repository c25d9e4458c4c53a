import { viewOf } from '@nixen/core'

/** How a client wants its pixels (RFC 6143, 7.4): true colour of one, two or four bytes. */
export interface PixelFormat {
  readonly bits: 8 | 16 | 32
  readonly bigEndian: boolean
  readonly max: readonly [number, number, number]
  readonly shift: readonly [number, number, number]
}

/** Red, green and blue from 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number]

/** What clients get that ask for nothing else. */
export const usualFormat: PixelFormat = { bits: 32, bigEndian: false, max: [255, 255, 255], shift: [16, 8, 0] }

/** The bytes of one pixel. */
export function encodePixel({ bits, bigEndian, max, shift }: PixelFormat, colour: Colour): Buffer {
  let value = 0
  for (const i of [0, 1, 2] as const) value += Math.round((colour[i] * max[i]) / 255) * 2 ** shift[i]
  const bytes = Buffer.alloc(bits / 8)
  if (bigEndian) bytes.writeUIntBE(value, 0, bytes.length)
  else bytes.writeUIntLE(value, 0, bytes.length)
  return bytes
}

/** The 16 bytes of PIXEL_FORMAT. */
export function encodeFormat({ bits, bigEndian, max, shift }: PixelFormat): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.set([bits, Math.min(bits, 24), bigEndian ? 1 : 0, 1])
  for (const i of [0, 1, 2] as const) {
    bytes.writeUInt16BE(max[i], 4 + 2 * i)
    bytes[10 + i] = shift[i]
  }
  return bytes
}

/** Formats that are no true colour of one, two or four bytes get the usual one. */
export function decodeFormat(bytes: Uint8Array): PixelFormat {
  const view = viewOf(bytes)
  const bits = view.getUint8(0)
  if ((bits !== 8 && bits !== 16 && bits !== 32) || view.getUint8(3) === 0) return usualFormat
  const shift = [view.getUint8(10), view.getUint8(11), view.getUint8(12)] as const
  const max = [view.getUint16(4), view.getUint16(6), view.getUint16(8)] as const
  const fits = ([0, 1, 2] as const).every((i) => max[i] * 2 ** shift[i] < 2 ** bits)
  return fits ? { bits, bigEndian: view.getUint8(2) !== 0, max, shift } : usualFormat
}
