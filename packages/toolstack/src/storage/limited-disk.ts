import type { DiskSink } from '@nixen/disk'
import type { OpenVdi } from './storage-port.ts'

/** Asks for room for some bytes. Throws when there is none. */
export type TakeSpace = (bytes: number) => void

/** A sink that asks for room before each write. */
export function limitedSink(sink: DiskSink, take: TakeSpace): DiskSink {
  return {
    size: sink.size,
    order: sink.order,
    granularity: sink.granularity,
    async write(offset, bytes, options) {
      take(bytes.length)
      await sink.write(offset, bytes, options)
    },
    zero: (offset, length, options) => sink.zero(offset, length, options),
    finish: (options) => sink.finish(options),
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  }
}

/** A disk that asks for room before each write. Zeros need none. */
export function limitedDisk(disk: OpenVdi, take: TakeSpace): OpenVdi {
  const { writable } = disk
  if (!writable) return disk
  return {
    get size() {
      return disk.size
    },
    extents: (options) => disk.extents(options),
    read: (offset, into, options) => disk.read(offset, into, options),
    writable: {
      async write(offset, bytes, options) {
        take(bytes.length)
        await writable.write(offset, bytes, options)
      },
      zero: (offset, length, options) => writable.zero(offset, length, options),
      flush: (options) => writable.flush(options),
    },
    [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
  }
}
