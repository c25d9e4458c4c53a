import { ByteReader, viewOf, type ByteStream } from '@nixen/core'
import type { DiskPart, DiskStream, IoOptions } from '@nixen/disk'
import { XapiError } from '@nixen/xapi'

/** Offset (8 bytes) and length (4 bytes), little endian, before the bytes of each chunk (vhd-tool, chunked.ml). */
const headerBytes = 12
/** Longest chunk that is kept at once; longer ones come in pieces. */
const pieceBytes = 1024 * 1024

/**
 * Reads the framing of `/import_raw_vdi?chunked`: chunks that say where they belong, in any order, and an empty one at offset 0 at the end. What no chunk
 * covers stays as it is.
 */
export function decodeChunked(stream: ByteStream, { size }: { size: number }): DiskStream {
  const reader = new ByteReader(stream)
  return {
    info: { format: 'raw', virtualSize: size, details: {} },
    size,
    order: 'any',
    parts: (options) => parts(reader, size, options),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function* parts(reader: ByteReader, size: number, { signal }: IoOptions = {}): AsyncGenerator<DiskPart> {
  for (;;) {
    signal?.throwIfAborted()
    const header = viewOf(await reader.read(headerBytes))
    const at = header.getBigUint64(0, true)
    const length = header.getUint32(8, true)
    if (at === 0n && length === 0) return
    if (at + BigInt(length) > BigInt(size)) {
      throw new XapiError('VDI_IO_ERROR', [
        `A chunk of ${length} bytes at ${at} is beyond the ${size} bytes of the disk`,
      ])
    }
    for (let done = 0; done < length;) {
      const bytes = await reader.read(Math.min(pieceBytes, length - done))
      yield { offset: Number(at) + done, bytes }
      done += bytes.length
    }
  }
}
