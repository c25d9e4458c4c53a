import type { ByteStream } from '@nixen/core'
import type { DiskSource } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import type { DiskStream, EncodeOptions } from '../format.ts'
import { orderedChunks } from '../convert/ordered-chunks.ts'

const zeros = new Uint8Array(1024 * 1024)

/** All bytes of a disk from front to back. */
export async function* encodeRaw(source: DiskSource, { signal }: EncodeOptions = {}): AsyncGenerator<Uint8Array> {
  for await (const { chunk, bytes } of orderedChunks(source, { signal, keep: true })) {
    if (bytes) yield bytes
    for (let done = bytes ? chunk.length : 0; done < chunk.length; done += zeros.length) {
      signal?.throwIfAborted()
      yield zeros.subarray(0, Math.min(zeros.length, chunk.length - done))
    }
  }
}

/** A raw disk that comes as a stream. Its size must be known, as the stream does not tell. */
export function decodeRaw(
  stream: ByteStream,
  { size, name = 'The stream' }: { size: number; name?: string },
): DiskStream {
  const iterator = stream[Symbol.asyncIterator]()
  return {
    size,
    order: 'ascending',
    info: { format: 'raw', virtualSize: size, details: {} },
    async *parts({ signal } = {}) {
      let offset = 0
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
        signal?.throwIfAborted()
        const bytes = next.value
        if (offset + bytes.length > size) {
          throw diskErrors.size_mismatch({ what: name, size: offset + bytes.length, expected: size })
        }
        yield { offset, bytes }
        offset += bytes.length
      }
      if (offset < size) throw diskErrors.truncated({ path: name, expected: size, received: offset })
    },
    async [Symbol.asyncDispose]() {
      await iterator.return?.()
    },
  }
}
