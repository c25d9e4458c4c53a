import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mergeRanges } from './ranges.ts'
import type { DiskSource, DiskStream, Extent, IoOptions } from '@nixen/disk'

/** A disk, or what changed of it, that came as a stream and now lies in a file of this machine. */
export interface SpooledDisk extends DiskSource {
  /** What the stream held, ascending. */
  readonly held: readonly Extent[]
}

/**
 * Takes a stream whose parts come in any order into a sparse file that has no name by then, so that nothing is left of it when the process dies. Takes as
 * much room in `folder` as the stream has data: for what changed since the last backup.
 */
export async function spool(
  stream: DiskStream,
  {
    size,
    signal,
    folder = tmpdir(),
  }: { readonly size: number; readonly signal: AbortSignal; readonly folder?: string },
): Promise<SpooledDisk> {
  const directory = await mkdtemp(join(folder, 'nixen-spool-'))
  const file = await open(join(directory, 'disk'), 'wx+', 0o600)
  try {
    await rm(directory, { recursive: true })
    await file.truncate(size)
    const ranges: { offset: number; length: number }[] = []
    for await (const { offset, bytes } of stream.parts({ signal })) {
      const kept = bytes.subarray(0, Math.max(0, size - offset))
      for (let done = 0; done < kept.length;) {
        const { bytesWritten } = await file.write(kept, done, kept.length - done, offset + done)
        done += bytesWritten
      }
      ranges.push({ offset, length: kept.length })
      if (ranges.length > 100_000) ranges.splice(0, ranges.length, ...mergeRanges(ranges))
    }
    return new FileDisk(file, size, mergeRanges(ranges))
  } catch (error) {
    await file.close()
    throw error
  }
}

class FileDisk implements SpooledDisk {
  readonly size: number
  readonly held: readonly Extent[]
  readonly #file: FileHandle

  constructor(file: FileHandle, size: number, ranges: readonly { offset: number; length: number }[]) {
    this.#file = file
    this.size = size
    this.held = ranges.map(({ offset, length }) => ({ offset, length, kind: 'data' }))
  }

  /** The parts that came as data, zeros between. */
  async *extents(): AsyncGenerator<Extent> {
    let end = 0
    for (const extent of this.held) {
      if (extent.offset > end) yield { offset: end, length: extent.offset - end, kind: 'zero' }
      yield extent
      end = extent.offset + extent.length
    }
    if (end < this.size) yield { offset: end, length: this.size - end, kind: 'zero' }
  }

  async read(offset: number, into: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    for (let done = 0; done < into.length;) {
      signal?.throwIfAborted()
      const { bytesRead } = await this.#file.read(into, done, into.length - done, offset + done)
      if (bytesRead === 0) throw new RangeError(`${into.length} bytes at ${offset} are beyond the end`)
      done += bytesRead
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }
}
