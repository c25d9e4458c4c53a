import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { alignUp, systemCode, type Log } from '@nixen/core'
import { createDisk, createLocalFile, largestVhd, newVhdUuid, type DiskSink } from '@nixen/disk'
import type { CbtContent } from '../cbt/cbt-log.ts'
import { CbtLogs } from '../cbt/cbt-logs.ts'
import { Gate, Locks } from '../locks.ts'
import { smError } from '../sm-errors.ts'
import type { SrChange, SrDriver } from '../sr-driver.ts'
import { asStorage } from '../storage-failure.ts'
import type { OpenVdi, SrState, VdiFormat, VdiState } from '../storage-port.ts'
import { createQcow2 } from '../qcow2/qcow2-sink.ts'
import { formatQcow2 } from '../qcow2/qcow2-layer.ts'
import { VhdFile } from '../vhd/vhd-file.ts'
import { recoverCbtLogs } from '../cbt/cbt-directory.ts'
import { readCatalogue } from './catalogue.ts'
import { Coalescer } from './coalescer.ts'
import type { CoalescePolicy } from './coalesce-plan.ts'
import { removeDurable } from './durable.ts'
import { forkData, forkEmpty } from './fork.ts'
import { Image } from './image.ts'
import { journaled, recover, removeImage } from './journal.ts'
import { blockSize } from './layer.ts'
import { imageState, logState } from './vdi-state.ts'
import { OpenDisks } from './open-disks.ts'

/** Images that a chain may have, as on XenServer: one more and a snapshot is refused. */
export const mostImages = 30

export interface FileSrOptions {
  readonly directory: string
  readonly log: Log
  readonly policy?: CoalescePolicy | undefined
  /** Milliseconds from a change of the tree to the work in the background; `undefined` never works by itself. */
  readonly coalesceDelay?: number | undefined
  /** Told of disks that changed beside what a call was about. */
  readonly onChange?: ((change: SrChange) => void) | undefined
}

/** An SR that keeps one file per VDI in a directory: VHD chains, raw images, logs of changed blocks. */
export class FileSr implements SrDriver {
  readonly #options: FileSrOptions
  readonly #images: Map<string, Image>
  readonly #logs: CbtLogs
  readonly #open: OpenDisks
  /** I/O passes; changes of the tree work alone. */
  readonly #gate = new Gate()
  /** One change of the tree after the other. */
  readonly #locks = new Locks<'tree'>()
  readonly #coalescer: Coalescer

  private constructor(options: FileSrOptions, images: Map<string, Image>, logs: Set<string>) {
    this.#options = options
    this.#images = images
    this.#logs = new CbtLogs(options.directory, logs)
    this.#open = new OpenDisks({
      gate: this.#gate,
      locks: this.#locks,
      logs: this.#logs,
      imageOf: (uuid) => this.#need(uuid),
      written: (uuid) => this.#written(uuid),
      released: () => this.#coalescer.kick(),
    })
    this.#coalescer = new Coalescer({
      images,
      directory: options.directory,
      policy: options.policy ?? { coalesce: true, leaf: () => true },
      log: options.log,
      delay: options.coalesceDelay,
      tree: (work) => this.#locks.run('tree', work),
      alone: (work) => this.#gate.alone(work),
      rebind: () => this.#open.rebind(images),
      changed: (uuids, removed) => this.#tell(uuids, removed),
    })
  }

  /** Opens an SR: what a crash left undone is finished first. */
  static async attach(options: FileSrOptions): Promise<FileSr> {
    return await asStorage(async () => {
      await recover(options.directory, options.log)
      await recoverCbtLogs(options.directory)
      const { images, logs } = await readCatalogue(options.directory, options.log)
      const sr = new FileSr(options, images, logs)
      sr.#coalescer.kick()
      return sr
    }, 'SRUnavailable')
  }

  has(uuid: string): boolean {
    return this.#images.has(uuid) || this.#logs.has(uuid)
  }

  async state(): Promise<SrState> {
    const { blocks, bsize } = await statfs(this.#options.directory)
    let physicalUtilisation = 0
    let virtualAllocation = 0
    for (const { hidden, size, utilisation } of this.#images.values()) {
      physicalUtilisation += utilisation
      if (!hidden) virtualAllocation += size
    }
    return { physicalSize: blocks * bsize, physicalUtilisation, virtualAllocation }
  }

  async scan(): Promise<VdiState[]> {
    const states: VdiState[] = []
    for (const image of this.#images.values())
      if (!image.hidden || image.children.size > 0) states.push(await this.#state(image))
    for (const uuid of this.#logs) if (!this.#images.has(uuid)) states.push(logState(uuid, await this.#logs.read(uuid)))
    this.#coalescer.kick()
    return states
  }

  async create(
    uuid: string,
    { size, format = 'vhd' }: { size: number; format?: VdiFormat | undefined },
  ): Promise<VdiState> {
    const rounded = roundSize(size, format)
    return await this.#change('VDICreate', async () => {
      if (this.has(uuid)) throw smError('VDIExists', uuid)
      const path = join(this.#options.directory, `${uuid}.${format}`)
      await using file = await createLocalFile(path, { direct: false })
      if (format === 'raw') await file.truncate(rounded)
      else if (format === 'qcow2') await formatQcow2(file, { size: rounded })
      else await VhdFile.format(file, { size: rounded, uuid: newVhdUuid() })
      await file.commit()
      return await this.#added(new Image({ uuid, format, size: rounded, hidden: false }, path))
    })
  }

  /** Makes an image of any format beside; it is part of the SR when it is complete. */
  async make(
    uuid: string,
    { size, format = 'vhd' }: { size: number; format?: VdiFormat | undefined },
    work: (sink: DiskSink) => Promise<unknown>,
  ): Promise<VdiState> {
    const rounded = roundSize(size, format)
    if (this.has(uuid)) throw smError('VDIExists', uuid)
    const path = join(this.#options.directory, `${uuid}.${format}`)
    await asStorage(async () => {
      await using sink =
        format === 'qcow2'
          ? await createQcow2(path, rounded)
          : await createDisk(path, { format, size: rounded, direct: false })
      await work(sink)
    }, 'VDICreate')
    return await this.#change('VDICreate', () =>
      this.#added(new Image({ uuid, format, size: rounded, hidden: false }, path)),
    )
  }

  async snapshot(from: string, uuid: string): Promise<VdiState> {
    return await this.#change('VDISnapshot', () => this.#fork(from, uuid, this.#logs.has(from)))
  }

  async clone(from: string, uuid: string): Promise<VdiState> {
    return await this.#change('VDISnapshot', () => this.#fork(from, uuid, false))
  }

  /** Both a snapshot and a clone: the data goes to a new base that disk and copy stand on. I/O waits meanwhile. */
  async #fork(from: string, uuid: string, withLog: boolean): Promise<VdiState> {
    if (this.has(uuid)) throw smError('VDIExists', uuid)
    return await this.#gate.alone(async () => {
      const leaf = this.#need(from)
      if (leaf.format === 'raw' || leaf.hidden) throw smError('VDIType', `${from} is a raw disk, or none`)
      const { parent } = leaf
      await this.#open.sync(from)
      await this.#open.closeLog(from)
      const depth = leaf.chain().length
      if (parent && !parent.merging && (await leaf.use(async (layer) => isEmpty(layer)))) {
        return await this.#forkEmpty(leaf, parent, { uuid, withLog })
      }
      if (depth >= mostImages) throw smError('SnapshotChainTooLong')
      return await this.#forkData(leaf, { uuid, withLog })
    })
  }

  async #forkData(leaf: Image, { uuid, withLog }: { uuid: string; withLog: boolean }): Promise<VdiState> {
    const { parent, size, format, uuid: from } = leaf
    const { directory } = this.#options
    const base = await forkData({ directory, leaf, uuid, logs: withLog ? this.#logs : undefined })
    const child = new Image({ uuid, format, size, hidden: false }, this.#path(uuid, format))
    const successor = new Image({ uuid: from, format, size, hidden: false }, leaf.path)
    base.setParent(parent)
    leaf.setParent(undefined)
    child.setParent(base)
    successor.setParent(base)
    this.#images.set(base.uuid, base).set(from, successor)
    await this.#open.rebind(this.#images)
    await this.#open.openLog(from)
    if (withLog) this.#logs.note(uuid, true)
    this.#tell([from, base.uuid], [])
    return await this.#added(child)
  }

  async #forkEmpty(
    leaf: Image,
    parent: Image,
    { uuid, withLog }: { uuid: string; withLog: boolean },
  ): Promise<VdiState> {
    const { format, size } = leaf
    const { directory } = this.#options
    await forkEmpty({ directory, leaf, uuid, logs: withLog ? this.#logs : undefined }, parent)
    await this.#open.openLog(leaf.uuid)
    if (withLog) this.#logs.note(uuid, true)
    const child = new Image({ uuid, format, size, hidden: false }, this.#path(uuid, format))
    child.setParent(parent)
    return await this.#added(child)
  }

  async resize(uuid: string, size: number): Promise<VdiState> {
    const image = this.#need(uuid)
    const rounded = alignUp(size, image.format === 'vhd' ? blockSize : 512)
    if (rounded < image.size || (image.format === 'vhd' && rounded > largestVhd)) {
      throw smError('VDISize', `Can't resize ${image.size} bytes to ${size}`)
    }
    return await this.#change('VDISize', () =>
      this.#gate.alone(async () => {
        await this.#open.closeLog(uuid)
        if (this.#logs.has(uuid)) await this.#logs.grow(uuid, rounded)
        const now = this.#need(uuid)
        await now.use((layer) => layer.grow(rounded))
        now.size = rounded
        await this.#open.openLog(uuid)
        return await this.#state(now)
      }),
    )
  }

  async destroy(uuid: string): Promise<void> {
    await this.#change('EIO', async () => {
      const image = this.#images.get(uuid)
      if (this.#open.has(uuid)) throw smError('VDIInUse', uuid)
      // A disk that others stand on is theirs from now on; this happens to images of other programs only.
      if (image && image.children.size > 0) return await this.#hide(image)
      const { directory } = this.#options
      const after = this.#logs.has(uuid) ? (await this.cbtLog(uuid))?.child : undefined
      await this.#gate.alone(async () => {
        if (after !== undefined) await this.#open.closeLog(after)
        await journaled(directory, { kind: 'destroy', image: uuid }, () => removeImage(directory, uuid))
        if (after !== undefined) await this.#open.openLog(after)
      })
      this.#logs.note(uuid, false)
      this.#forget(uuid)
    })
  }

  async dataDestroy(uuid: string): Promise<void> {
    await this.#change('EIO', async () => {
      if (!this.#logs.has(uuid)) throw smError('VDIType', 'Only allowed for snapshot VDIs')
      await this.#removeData(uuid)
    })
  }

  async #removeData(uuid: string): Promise<void> {
    const image = this.#images.get(uuid)
    if (!image) return
    if (this.#open.has(uuid)) throw smError('VDIInUse', uuid)
    if (image.children.size > 0) return await this.#hide(image)
    await removeDurable(image.path)
    this.#forget(uuid)
  }

  #forget(uuid: string): void {
    this.#images.get(uuid)?.setParent(undefined)
    this.#images.delete(uuid)
    this.#coalescer.kick()
  }

  async #hide(image: Image): Promise<void> {
    await image.use((layer) => layer.setHidden(true))
    image.hidden = true
    this.#coalescer.kick()
  }

  async setCbt(uuid: string, enabled: boolean): Promise<void> {
    const image = this.#need(uuid)
    if (image.format === 'raw') throw smError('VDIType', 'Raw VDI or snapshot not permitted')
    if (this.#logs.has(uuid) === enabled) return
    await this.#change(enabled ? 'CBTActivateFailed' : 'CBTDeactivateFailed', () =>
      this.#gate.alone(async () => {
        await this.#open.closeLog(uuid)
        if (!enabled) return await this.#logs.drop(uuid)
        await this.#logs.create(uuid, image.size)
        await this.#open.openLog(uuid)
      }),
    )
  }

  async cbtLog(uuid: string): Promise<CbtContent | undefined> {
    if (!this.#logs.has(uuid)) return undefined
    const content = await this.#logs.read(uuid)
    // A log that is open is right as long as this process lives.
    return this.#open.isFollowed(uuid) ? { ...content, consistent: true } : content
  }

  async open(uuid: string, options: { write: boolean }): Promise<OpenVdi> {
    return await this.#open.open(uuid, options)
  }

  async #written(uuid: string): Promise<void> {
    const image = this.#images.get(uuid)
    if (image) await this.#state(image)
    this.#tell([uuid], [])
  }

  /** Waits until nothing is left to coalesce, or works on it at once. */
  async settle(): Promise<void> {
    await this.#coalescer.settle()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#coalescer.stop()
    await this.#locks.run('tree', () => this.#open[Symbol.asyncDispose]())
  }

  async #change<T>(failure: Parameters<typeof smError>[0], work: () => Promise<T>): Promise<T> {
    return await this.#locks.run('tree', () =>
      asStorage(async () => {
        try {
          return await work()
        } catch (error) {
          for (const { uuid } of this.#images.values()) await this.#open.openLog(uuid)
          throw error
        }
      }, failure),
    )
  }

  async #added(image: Image): Promise<VdiState> {
    this.#images.set(image.uuid, image)
    return await this.#state(image)
  }

  #need(uuid: string): Image {
    const image = this.#images.get(uuid)
    if (!image) throw smError('VDIUnavailable', `VDI ${uuid} not found`)
    return image
  }

  async #state(image: Image): Promise<VdiState> {
    image.utilisation = await image
      .use((layer) => layer.allocated())
      .catch((error: unknown) => {
        if (systemCode(error) === undefined) this.#options.log.warn('an image can not be opened', { path: image.path })
        return image.utilisation
      })
    return imageState(image, { cbtEnabled: this.#logs.has(image.uuid) })
  }

  #tell(uuids: readonly string[], removed: readonly string[]): void {
    const { onChange, log } = this.#options
    if (!onChange) return
    const tell = async (): Promise<void> => {
      const changed: VdiState[] = []
      for (const uuid of uuids) {
        const image = this.#images.get(uuid)
        if (image) changed.push(await this.#state(image))
      }
      onChange({ changed, removed, sr: await this.state() })
    }
    tell().catch((error: unknown) => log.warn('the state of the SR is unknown', { error: String(error) }))
  }

  #path(uuid: string, format: VdiFormat): string {
    return join(this.#options.directory, `${uuid}.${format}`)
  }
}

/** What a disk of that size takes in a format; `SR_BACKEND_FAILURE_79` for no size, or one that is too large. */
function roundSize(size: number, format: VdiFormat): number {
  if (!Number.isSafeInteger(size) || size <= 0) throw smError('VDISize', `Requested size ${size}`)
  const rounded = alignUp(size, format === 'vhd' ? blockSize : 512)
  if (format === 'vhd' && rounded > largestVhd) throw smError('VDISize', `${size} exceeds ${largestVhd} bytes`)
  return rounded
}

function isEmpty(layer: { presentBlocks(): Iterable<number> }): boolean {
  for (const _ of layer.presentBlocks()) return false
  return true
}
