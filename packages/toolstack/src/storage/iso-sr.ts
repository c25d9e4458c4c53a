import { createHash } from 'node:crypto'
import { readdir, stat, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { alignUp } from '@nixen/core'
import { createDisk, openDisk, type DiskSink, type WritableDisk } from '@nixen/disk'
import { openLocalFileForWriting } from '@nixen/disk'
import { removeDurable } from './file-sr/durable.ts'
import { smError } from './sm-errors.ts'
import type { SrDriver } from './sr-driver.ts'
import { asStorage } from './storage-failure.ts'
import type { OpenVdi, SrState, VdiState } from './storage-port.ts'

export interface IsoSrOptions {
  readonly directory: string
  /** UUID of the SR: the UUIDs of its VDIs follow from it and the file names. */
  readonly uuid: string
  /** File name of a VDI whose UUID does not follow from one. */
  readonly locationOf: (uuid: string) => string | undefined
}

/** An SR whose disks are the `.iso` and `.img` files of a directory, by their names. */
export class IsoSr implements SrDriver {
  readonly #options: IsoSrOptions
  /** Known files by the UUID of the VDI. */
  readonly #names = new Map<string, string>()

  private constructor(options: IsoSrOptions) {
    this.#options = options
  }

  static async attach(options: IsoSrOptions): Promise<IsoSr> {
    const sr = new IsoSr(options)
    await asStorage(() => sr.scan(), 'SRUnavailable')
    return sr
  }

  has(uuid: string): boolean {
    return this.#names.has(uuid) || this.#isFile(this.#options.locationOf(uuid))
  }

  #isFile(name: string | undefined): boolean {
    return name !== undefined && [...this.#names.values()].includes(name)
  }

  async state(): Promise<SrState> {
    const { blocks, bsize } = await statfs(this.#options.directory)
    let used = 0
    for (const { physicalUtilisation } of await this.scan()) used += physicalUtilisation
    return { physicalSize: blocks * bsize, physicalUtilisation: used, virtualAllocation: used }
  }

  async scan(): Promise<VdiState[]> {
    const states: VdiState[] = []
    this.#names.clear()
    for (const name of await readdir(this.#options.directory)) {
      if (!/\.(?:iso|img)$/i.test(name) || name.startsWith('.')) continue
      const { size, blocks } = await stat(join(this.#options.directory, name))
      const uuid = this.#uuidOf(name)
      this.#names.set(uuid, name)
      states.push(stateOf(uuid, { name, size, utilisation: blocks * 512 }))
    }
    return states
  }

  /** Files that were uploaded are named after their VDI; the others have a UUID that follows from SR and name. */
  #uuidOf(name: string): string {
    const own = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.iso$/.exec(name)?.[1]
    if (own !== undefined) return own
    const hex = createHash('sha1').update(`${this.#options.uuid}/${name}`).digest('hex')
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `5${hex.slice(13, 16)}`,
      `a${hex.slice(17, 20)}`,
      hex.slice(20, 32),
    ].join('-')
  }

  async create(uuid: string, { size }: { size: number }): Promise<VdiState> {
    return await this.make(uuid, { size }, (sink) => sink.finish())
  }

  async make(uuid: string, { size }: { size: number }, work: (sink: DiskSink) => Promise<unknown>): Promise<VdiState> {
    return await asStorage(async () => {
      const name = `${uuid}.iso`
      const rounded = alignUp(size, 512)
      const path = join(this.#options.directory, name)
      await using sink = await createDisk(path, { format: 'raw', size: rounded, direct: false })
      await work(sink)
      this.#names.set(uuid, name)
      return stateOf(uuid, { name, size: rounded, utilisation: (await stat(path)).blocks * 512 })
    }, 'VDICreate')
  }

  async destroy(uuid: string): Promise<void> {
    await asStorage(() => removeDurable(this.#path(uuid)))
    this.#names.delete(uuid)
  }

  async open(uuid: string, { write }: { write: boolean }): Promise<OpenVdi> {
    return await asStorage(async () => {
      const path = this.#path(uuid)
      const disk = await openDisk(path, { format: 'raw', direct: false })
      const file = write ? await openLocalFileForWriting(path, { direct: false }) : undefined
      const writable: WritableDisk | undefined = file && {
        write: (offset, bytes) => file.write(offset, bytes),
        zero: (offset, length) => file.write(offset, new Uint8Array(length)),
        flush: () => file.sync(),
      }
      return {
        size: disk.size,
        extents: (options) => disk.extents(options),
        read: (offset, into, options) => disk.read(offset, into, options),
        writable,
        async [Symbol.asyncDispose]() {
          await disk[Symbol.asyncDispose]()
          await file?.[Symbol.asyncDispose]()
        },
      }
    }, 'VDIUnavailable')
  }

  #path(uuid: string): string {
    const name = this.#names.get(uuid) ?? this.#options.locationOf(uuid)
    if (name === undefined || basename(name) !== name) throw smError('VDIUnavailable', `VDI ${uuid} not found`)
    return join(this.#options.directory, name)
  }

  async cbtLog(): Promise<undefined> {
    return undefined
  }
  snapshot = unsupported
  clone = unsupported
  resize = unsupported
  setCbt = unsupported
  dataDestroy = unsupported

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function unsupported(): Promise<never> {
  throw smError('Unimplemented')
}

function stateOf(
  uuid: string,
  { name, size, utilisation }: { name: string; size: number; utilisation: number },
): VdiState {
  return {
    uuid,
    location: name,
    virtualSize: size,
    physicalUtilisation: utilisation,
    smConfig: {},
    managed: true,
    readOnly: true,
    cbtEnabled: false,
  }
}
