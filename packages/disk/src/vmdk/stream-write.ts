import { orderedChunks } from '../convert/ordered-chunks.ts'
import type { DiskSink } from '../disk-sink.ts'
import type { DiskSource, IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { checkRange } from '../extents.ts'
import type { DiskFile } from '../file.ts'
import type { CreateImageOptions, EncodedStream, EncodeOptions } from '../format.ts'
import { readSettings } from '../settings.ts'
import { streamGrain, StreamWriter } from './stream-writer.ts'

const rules = {
  subformat: { kind: 'choice', of: ['streamOptimized'], default: 'streamOptimized' },
  level: { kind: 'number', valid: (level: number) => level >= 1 && level <= 9, rule: 'it is 1 to 9', default: 1 },
  name: { kind: 'text', default: 'disk.vmdk' },
} as const

function writerFor(size: number, settings: CreateImageOptions['settings']): StreamWriter {
  const { level, name } = readSettings('vmdk', settings, rules)
  if (/["\r\n\0]/.test(name)) {
    throw diskErrors.bad_setting({ format: 'vmdk', setting: 'name', reason: 'it has no quotes or line ends' })
  }
  return new StreamWriter({ size, level, name })
}

/** A stream-optimized VMDK as a stream. */
export async function encodeVmdk(source: DiskSource, options: EncodeOptions = {}): Promise<EncodedStream> {
  const writer = writerFor(source.size, options.settings)
  return { bytes: encode(source, writer, options) }
}

async function* encode(source: DiskSource, writer: StreamWriter, { signal }: IoOptions): AsyncGenerator<Uint8Array> {
  yield writer.head()
  for await (const { chunk, bytes } of orderedChunks(source, { signal })) {
    if (bytes) yield* await writer.grains(chunk.offset, bytes)
  }
  yield* writer.tail()
}

/** A sink that makes a stream-optimized VMDK in a file, front to back. */
export async function createVmdk(file: DiskFile, { size, settings }: CreateImageOptions): Promise<DiskSink> {
  const sink = new StreamSink(file, size, writerFor(size, settings))
  await sink.start()
  return sink
}

class StreamSink implements DiskSink {
  readonly size: number
  readonly order = 'ascending'
  readonly #file: DiskFile
  readonly #writer: StreamWriter
  /** The grain that is being filled, where it belongs, and up to where the disk was written. */
  readonly #grain = new Uint8Array(streamGrain)
  #grainOffset = 0
  #end = 0
  #position = 0

  constructor(file: DiskFile, size: number, writer: StreamWriter) {
    this.#file = file
    this.size = size
    this.#writer = writer
  }

  async start(): Promise<void> {
    await this.#put([this.#writer.head()])
  }

  async write(offset: number, bytes: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    checkRange(this.size, offset, bytes.length)
    this.#advance(offset, bytes.length)
    for (let done = 0; done < bytes.length;) {
      const at = offset + done
      if (at - (at % streamGrain) !== this.#grainOffset) await this.#flush(at - (at % streamGrain))
      // Whole grains are packed from where they are, many at once.
      const whole = at % streamGrain === 0 ? bytes.length - done - ((bytes.length - done) % streamGrain) : 0
      if (whole > 0) {
        await this.#put(await this.#writer.grains(at, bytes.subarray(done, done + whole)))
        this.#grainOffset = at + whole
        done += whole
        continue
      }
      const part = bytes.subarray(done, done + streamGrain - (at % streamGrain))
      this.#grain.set(part, at % streamGrain)
      done += part.length
    }
  }

  zero(offset: number, length: number): Promise<void> {
    checkRange(this.size, offset, length)
    // What is passed over is zeros.
    this.#advance(offset, length)
    return Promise.resolve()
  }

  async finish(): Promise<void> {
    await this.#flush(this.size)
    await this.#put(this.#writer.tail())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }

  #advance(offset: number, length: number): void {
    if (offset < this.#end) throw diskErrors.out_of_order({ path: this.#file.path, offset, position: this.#end })
    this.#end = offset + length
  }

  /** Writes the grain that was filled, if it holds anything, and goes on at another. */
  async #flush(next: number): Promise<void> {
    await this.#put(await this.#writer.grains(this.#grainOffset, this.#grain))
    this.#grain.fill(0)
    this.#grainOffset = next
  }

  async #put(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      await this.#file.write(this.#position, part)
      this.#position += part.length
    }
  }
}
