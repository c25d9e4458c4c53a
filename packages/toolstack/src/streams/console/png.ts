import { crc32, deflate } from 'node:zlib'
import { promisify } from 'node:util'

/** An image of at most 256 colours. */
export interface PalettedImage {
  readonly width: number
  readonly height: number
  readonly palette: readonly (readonly [red: number, green: number, blue: number])[]
  /** Index into the palette, row by row. */
  readonly pixels: Uint8Array
}

const compress = promisify(deflate)
const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** Writes an image as PNG (ISO 15948): one byte for each pixel, no filter, no interlacing. */
export async function encodePng({ width, height, palette, pixels }: PalettedImage): Promise<Buffer> {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  // Eight bits, colours by index.
  header.set([8, 3, 0, 0, 0], 8)
  // Each row begins with the number of its filter, 0 for none.
  const rows = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1)
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flat())),
    chunk('IDAT', await compress(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** Length, type, content, and a checksum of type and content. */
function chunk(type: string, content: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + content.length)
  bytes.writeUInt32BE(content.length, 0)
  bytes.write(type, 4, 'latin1')
  bytes.set(content, 8)
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + content.length)), 8 + content.length)
  return bytes
}
