import type { Extent, IoOptions } from '@nixen/disk'
import type { CbtLogs } from '../cbt/cbt-logs.ts'
import type { Gate, Locks } from '../locks.ts'
import { smError } from '../sm-errors.ts'
import { asStorage } from '../storage-failure.ts'
import type { OpenVdi } from '../storage-port.ts'
import { changedExtents } from './chain-io.ts'
import type { Image } from './image.ts'
import type { Layer } from './layer.ts'
import { LiveDisk } from './live-disk.ts'

interface Live {
  readonly disk: LiveDisk
  users: number
  writer: boolean
}

export interface OpenDisksOptions {
  /** I/O passes; changes of the tree work alone. */
  readonly gate: Gate
  readonly locks: Locks<'tree'>
  readonly logs: CbtLogs
  /** The image of a disk. @throws SR_BACKEND_FAILURE_46 when there is none. */
  readonly imageOf: (uuid: string) => Image
  /** After a writer has left a disk. */
  readonly written: (uuid: string) => Promise<void>
  /** After somebody left images that may wait to be merged. */
  readonly released: () => void
}

/** The disks of an SR that are in use, by one writer and any number of readers each. */
export class OpenDisks implements AsyncDisposable {
  readonly #live = new Map<string, Live>()
  readonly #options: OpenDisksOptions

  constructor(options: OpenDisksOptions) {
    this.#options = options
  }

  has(uuid: string): boolean {
    return this.#live.has(uuid)
  }

  /** Whether the disk's log follows its writes now. */
  isFollowed(uuid: string): boolean {
    return this.#live.get(uuid)?.disk.cbt !== undefined
  }

  async sync(uuid: string): Promise<void> {
    await this.#live.get(uuid)?.disk.sync()
  }

  async open(uuid: string, { write }: { write: boolean }): Promise<OpenVdi> {
    return await this.#options.locks.run('tree', () => asStorage(() => this.#open(uuid, write), 'VDIUnavailable'))
  }

  async #open(uuid: string, write: boolean): Promise<OpenVdi> {
    const image = this.#options.imageOf(uuid)
    let live = this.#live.get(uuid)
    if (write && live?.writer) throw smError('VDIInUse', uuid)
    if (!live) {
      const disk = new LiveDisk(uuid, this.#options.gate)
      await disk.rebind(image.chain())
      live = { disk, users: 0, writer: false }
      this.#live.set(uuid, live)
    }
    live.users++
    if (write) {
      live.writer = true
      await this.openLog(uuid)
    }
    return this.#handle(live, write)
  }

  #handle(live: Live, write: boolean): OpenVdi {
    const { disk } = live
    let open = true
    const close = async (): Promise<void> => {
      if (!open) return
      open = false
      await this.#options.locks.run('tree', () => this.#close(live, write))
    }
    return {
      get size() {
        return disk.size
      },
      extents: (options) =>
        options?.since === undefined ? disk.extents(options) : this.#changes(disk.uuid, options.since, options),
      read: (offset, into, options) => asStorage(() => disk.read(offset, into, options)),
      writable: write
        ? {
            write: (offset, bytes, options) => asStorage(() => disk.write(offset, bytes, options)),
            zero: (offset, length, options) => asStorage(() => disk.zero(offset, length, options)),
            flush: () => asStorage(() => disk.flush()),
          }
        : undefined,
      [Symbol.asyncDispose]: close,
    }
  }

  /** What differs from the disk `since`: all that lies in images which only one of the two stands on. */
  async *#changes(uuid: string, since: string, { signal }: IoOptions): AsyncGenerator<Extent> {
    const { imageOf, locks, released } = this.#options
    const differing = await locks.run('tree', async () => {
      const [own, other] = [imageOf(uuid).chain(), imageOf(since).chain()]
      const images = [
        ...own.filter((image) => !other.includes(image)),
        ...other.filter((image) => !own.includes(image)),
      ]
      // Held open: what they hold stays the same for us even when they are merged meanwhile.
      const layers: Layer[] = []
      for (const image of images) layers.push(await image.acquire())
      return { images, layers, size: imageOf(uuid).size }
    })
    try {
      yield* changedExtents(differing.layers, differing.size, signal)
    } finally {
      for (const image of differing.images) await image.release()
      released()
    }
  }

  async #close(live: Live, write: boolean): Promise<void> {
    live.users--
    const { disk } = live
    const { gate, written, released } = this.#options
    if (write) {
      await disk.flush()
      live.writer = false
      await gate.alone(() => this.closeLog(disk.uuid))
      await written(disk.uuid)
    }
    if (live.users > 0) return
    this.#live.delete(disk.uuid)
    await disk[Symbol.asyncDispose]()
    released()
  }

  /** Follows the writes in the log, if the disk has a writer and a log. */
  async openLog(uuid: string): Promise<void> {
    const live = this.#live.get(uuid)
    const { logs } = this.#options
    if (!live?.writer || live.disk.cbt || !logs.has(uuid)) return
    live.disk.cbt = await logs.follow(uuid)
  }

  async closeLog(uuid: string): Promise<void> {
    const live = this.#live.get(uuid)
    const log = live?.disk.cbt
    if (!live || !log) return
    live.disk.cbt = undefined
    await log[Symbol.asyncDispose]()
  }

  /** Gives every open disk the chain that its image has now. Nothing may be passing the gate. */
  async rebind(images: ReadonlyMap<string, Image>): Promise<void> {
    for (const [uuid, { disk }] of this.#live) {
      const image = images.get(uuid)
      if (image) await disk.rebind(image.chain())
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { disk } of this.#live.values()) await disk[Symbol.asyncDispose]()
    this.#live.clear()
  }
}
