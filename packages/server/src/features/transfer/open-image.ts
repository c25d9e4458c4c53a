import { imageFormats, transferErrors } from '@nixen/api'
import { isAppError, messageOf } from '@nixen/core'
import {
  decodeRaw,
  formatNamed,
  openDisk,
  orderedChunks,
  type DiskFormat,
  type DiskSource,
  type DiskStream,
} from '@nixen/disk'
import { again, peek, type CheckedFile } from './incoming.ts'
import type { Spool } from './spool.ts'

export interface ImageWish {
  readonly format: 'auto' | (typeof imageFormats)[number]
  /** Size of a raw disk whose length is not known. */
  readonly size?: number | undefined
  /** The whole file is kept before anything of it is used. */
  readonly spool: boolean
  /** The parts must come in ascending order. */
  readonly ascending: boolean
}

export interface ImagePorts {
  readonly spool: Spool
  readonly signal: AbortSignal
  /** Told of what people may wonder about. */
  readonly log: (line: string) => void
}

const headLength = 64 * 1024
const footerLength = 512
const footerCookie = 'conectix'

/**
 * The disk in a file. It is converted while it comes where its format allows; otherwise the file is kept on the server first. The end of its parts
 * is the end of the file, its checksum included.
 *
 * @throws transfer.bad_image, size_needed, cache_full
 */
export async function openImage(file: CheckedFile, wish: ImageWish, ports: ImagePorts): Promise<DiskStream> {
  const { head, stream } = await peek(file.bytes(), headLength)
  const format = chooseFormat(head, wish.format)
  const disk =
    format === 'raw'
      ? rawDisk(stream, { file, wish })
      : await translated(file, () => structured(stream, { file, format: formatOf(format), wish }, ports))
  return toEnd(disk, file)
}

function chooseFormat(head: Uint8Array, wanted: ImageWish['format']): (typeof imageFormats)[number] {
  if (wanted !== 'auto') return wanted
  const input = { path: '', head, tail: new Uint8Array(0), size: head.length }
  return imageFormats.find((name) => name !== 'raw' && formatOf(name).probe(input)) ?? 'raw'
}

function formatOf(name: string): DiskFormat {
  const format = formatNamed(name)
  if (!format) throw new TypeError(`There is no format ${name}.`)
  return format
}

interface Parts {
  readonly file: CheckedFile
  readonly wish: ImageWish
}

function rawDisk(stream: AsyncGenerator<Uint8Array, void>, { file, wish }: Parts): DiskStream {
  const size = wish.size ?? file.length
  if (size === undefined) throw transferErrors.size_needed()
  const checked = wish.format === 'auto' ? withoutFooter(stream, file.what) : stream
  return decodeRaw(checked, { size, name: file.what })
}

/** A fixed VHD is a raw disk up to its last sector: taken for raw it would be a sector too long. */
async function* withoutFooter(
  stream: AsyncGenerator<Uint8Array, void>,
  what: string,
): AsyncGenerator<Uint8Array, void> {
  let tail = Buffer.alloc(0)
  for await (const part of stream) {
    tail = Buffer.concat([tail, part.subarray(-footerLength)]).subarray(-footerLength)
    yield part
  }
  if (tail.subarray(0, footerCookie.length).toString('latin1') !== footerCookie) return
  throw transferErrors.bad_image({
    what,
    reason: 'It is a VHD of fixed size, not a raw disk. Say that its format is vhd.',
  })
}

interface Structured extends Parts {
  readonly format: DiskFormat
}

async function structured(
  stream: AsyncGenerator<Uint8Array, void>,
  { file, format, wish }: Structured,
  ports: ImagePorts,
): Promise<DiskStream> {
  const seen = new Recorder(stream)
  if (!wish.spool && format.decode) {
    try {
      const disk = await format.decode(seen.bytes(), { name: file.what })
      if (disk.order === 'ascending' || !wish.ascending) {
        seen.stop()
        refuseDifference(disk, file)
        return disk
      }
    } catch (error) {
      if (!isAppError(error, 'disk.not_streamable')) throw error
    }
  }
  ports.log(`${file.what} is kept on the server first: a ${format.name} like this cannot be read while it comes.`)
  const kept = await ports.spool.keep(seen.replay(), ports)
  try {
    const image = await openDisk(kept.path, { format: format.name, direct: false })
    return streamOf(image, { format: format.name, dispose: async () => await kept[Symbol.asyncDispose]() })
  } catch (error) {
    await kept[Symbol.asyncDispose]()
    throw error
  }
}

/** An image that builds on another one is no disk alone. */
function refuseDifference({ info }: DiskStream, { what }: CheckedFile): void {
  if (!info.parent) return
  const reason = `It holds only what differs from "${info.parent.path}". Merge the two first (qemu-img convert).`
  throw transferErrors.bad_image({ what, reason })
}

/** Keeps what is read of a stream, until it is known that it need not be read again. */
class Recorder {
  readonly #stream: AsyncGenerator<Uint8Array, void>
  #parts: Uint8Array[] | undefined = []

  constructor(stream: AsyncGenerator<Uint8Array, void>) {
    this.#stream = stream
  }

  async *bytes(): AsyncGenerator<Uint8Array, void> {
    for (let next = await this.#stream.next(); !next.done; next = await this.#stream.next()) {
      this.#parts?.push(Uint8Array.from(next.value))
      yield next.value
    }
  }

  /** From now on it is read once. */
  stop(): void {
    this.#parts = undefined
  }

  replay(): AsyncGenerator<Uint8Array, void> {
    const parts = this.#parts ?? []
    this.stop()
    return again(parts, this.#stream)
  }
}

/** A disk at hand, as a stream. */
function streamOf(
  source: DiskSource,
  { format, dispose }: { readonly format: string; readonly dispose: () => Promise<void> },
): DiskStream {
  return {
    size: source.size,
    order: 'ascending',
    info: { format, virtualSize: source.size, details: {} },
    async *parts({ signal } = {}) {
      for await (const { chunk, bytes } of orderedChunks(source, { signal })) {
        if (bytes) yield { offset: chunk.offset, bytes }
      }
    },
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]()
      await dispose()
    },
  }
}

/** The same disk, whose parts end when the whole file was read and found to be right. */
export function toEnd(disk: DiskStream, file: CheckedFile): DiskStream {
  return {
    size: disk.size,
    order: disk.order,
    info: disk.info,
    async *parts(options) {
      const parts = disk.parts(options)[Symbol.asyncIterator]()
      try {
        for (;;) {
          const next = await translated(file, async () => await parts.next())
          if (next.done) break
          yield next.value
        }
      } finally {
        await parts.return?.()
      }
      await file.finish()
    },
    [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
  }
}

/** What is wrong with the file is told as such. @throws transfer.bad_image */
export async function translated<T>({ what }: { readonly what: string }, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isAppError(error) || !/^(disk|ova|xva|stream|qcow2|vhdx?|vmdk)\./.test(error.code)) throw error
    const advice = error.code === 'disk.not_streamable' ? ' Import it again with spool.' : ''
    throw transferErrors.bad_image({ what, reason: messageOf(error) + advice }, { cause: error })
  }
}
