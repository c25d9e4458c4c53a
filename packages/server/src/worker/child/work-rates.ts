import { Rate } from '@nixen/backup'
import type { DiskSource } from '@nixen/disk'
import type { Rates } from '../protocol.ts'

/** What this process may move a second: told with each operation, and again whenever others begin or end. */
export class WorkRates {
  readonly read = new Rate()
  readonly upload = new Rate()
  readonly download = new Rate()

  set({ read, upload, download }: Rates): void {
    this.read.set(read)
    this.upload.set(upload)
    this.download.set(download)
  }

  /** A source that is read no faster than it may be. */
  limited(disk: DiskSource): DiskSource {
    return {
      size: disk.size,
      extents: (options) => disk.extents(options),
      read: async (offset, into, options) => {
        await this.read.take(into.length, options)
        await disk.read(offset, into, options)
      },
      [Symbol.asyncDispose]: async () => await disk[Symbol.asyncDispose](),
    }
  }
}
