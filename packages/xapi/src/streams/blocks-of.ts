import type { Readable } from 'node:stream'

/** What is gathered before it is handed on, in bytes: TLS gives 16 KiB at a time, and whoever handles each part pays for each. */
const block = 256 * 1024

/**
 * The bytes of a stream in parts of 256 KiB or a little more; the last may be shorter. One is gathered while another is looked at, and no more: slow
 * readers slow the stream.
 */
export async function* blocksOf(stream: Readable): AsyncGenerator<Uint8Array, void> {
  let parts: Uint8Array[] = []
  let size = 0
  let over: { readonly error?: unknown } | undefined
  let wake = (): void => undefined
  const end = (state: NonNullable<typeof over>): void => {
    over ??= state
    wake()
  }
  stream.on('data', (part: Uint8Array) => {
    parts.push(part)
    size += part.length
    if (size < block) return
    stream.pause()
    wake()
  })
  stream.once('end', () => end({}))
  stream.on('error', (error) => end({ error }))
  stream.once('close', () => end({ error: prematureClose() }))
  // Both may have been told before anybody listened.
  if (stream.errored || stream.destroyed) end({ error: stream.errored ?? prematureClose() })
  while (true) {
    if (size < block && !over) await new Promise<void>((resolve) => (wake = resolve))
    // What broke off is not handed on: there is an error instead of its end.
    if (over && 'error' in over) throw over.error
    if (size > 0) {
      const [first] = parts
      const gathered = parts.length === 1 && first ? first : Buffer.concat(parts, size)
      parts = []
      size = 0
      stream.resume()
      yield gathered
    } else if (over) return
  }
}

function prematureClose(): Error {
  return Object.assign(new Error('The connection was closed.'), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
}
