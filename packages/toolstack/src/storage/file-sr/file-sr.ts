import { link, readFile, rename, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { alignUp, newUuid, systemCode, type Log } from '@nixen/core'
import {
  createDisk,
  createLocalFile,
  largestVhd,
  newVhdUuid,
  type DiskSink,
  type Extent,
  type IoOptions,
} from '@nixen/disk'
import { cbtBitmapLength, decodeCbtLog, encodeCbtLog, LiveCbtLog, type CbtContent } from '../cbt/cbt-log.ts'
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
import { changedExtents } from './chain-io.ts'
import { Coalescer } from './coalescer.ts'
import type { CoalescePolicy } from './coalesce-plan.ts'
import { removeDurable, syncDirectory, writeDurable } from './durable.ts'
import { Image } from './image.ts'
import { journaled, recover, removeImage, setCbtChild } from './journal.ts'
import { blockSize, type Layer } from './layer.ts'
import { LiveDisk } from './live-disk.ts'

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

interface Live {
  readonly disk: LiveDisk
  users: number
  writer: boolean
}

/** An SR that keeps one file per VDI in a directory: VHD chains, raw images, logs of changed blocks. */
export class FileSr implements SrDriver {
  readonly #options: FileSrOptions
  readonly #images: Map<string, Image>
  readonly #logs: Set<string>
  readonly #live = new Map<string, Live>()
  /** I/O passes; changes of the tree work alone. */
  readonly #gate = new Gate()
  /** One change of the tree after the other. */
  readonly #locks = new Locks<'tree'>()
  readonly #coalescer: Coalescer

  private constructor(options: FileSrOptions, images: Map<string, Image>, logs: Set<string>) {
    this.#options = options
    this.#images = images
    this.#logs = logs
    this.#coalescer = new Coalescer({
      images,
      directory: options.directory,
      policy: options.policy ?? { coalesce: true, leaf: () => true },
      log: options.log,
      delay: options.coalesceDelay,
      tree: (work) => this.#locks.run('tree', work),
      alone: (work) => this.#gate.alone(work),
      rebind: () => this.#rebind(),
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
    for (const uuid of this.#logs) if (!this.#images.has(uuid)) states.push(await this.#logState(uuid))
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
      await this.#live.get(from)?.disk.sync()
      await this.#closeLog(from)
      const depth = leaf.chain().length
      if (parent && !parent.merging && (await leaf.use(async (layer) => isEmpty(layer)))) {
        return await this.#forkEmpty(leaf, parent, { uuid, withLog })
      }
      if (depth >= mostImages) throw smError('SnapshotChainTooLong')
      return await this.#forkData(leaf, { uuid, withLog })
    })
  }

  async #forkData(leaf: Image, { uuid, withLog }: { uuid: string; withLog: boolean }): Promise<VdiState> {
    const { directory } = this.#options
    const { parent, size, format, uuid: from } = leaf
    const base = newUuid()
    const path = this.#path(uuid, format)
    const image = new Image({ uuid: base, format, size, hidden: true }, this.#path(base, format))
    await journaled(directory, { kind: 'clone', leaf: from, base, child: uuid }, async () => {
      const below = { name: `${base}.${format}`, uuid: await leaf.use(async (layer) => layer.uuid) }
      await this.#newChildren(leaf, below, [from, uuid])
      if (withLog) await this.#prepareLogs(from, uuid)
      await link(leaf.path, image.path)
      await syncDirectory(directory)
      // From here on the disk stands on the base.
      await rename(`${leaf.path}.new`, leaf.path)
      await rename(`${path}.new`, path)
      if (withLog) await this.#commitLogs(from, uuid)
      await syncDirectory(directory)
      await image.use((layer) => layer.setHidden(true))
    })
    const child = new Image({ uuid, format, size, hidden: false }, path)
    const successor = new Image({ uuid: from, format, size, hidden: false }, leaf.path)
    image.setParent(parent)
    leaf.setParent(undefined)
    child.setParent(image)
    successor.setParent(image)
    this.#images.set(base, image).set(from, successor)
    await this.#rebind()
    await this.#openLog(from)
    if (withLog) this.#logs.add(uuid)
    this.#tell([from, base], [])
    return await this.#added(child)
  }

  /** A disk that holds nothing of its own: the copy stands on the same parent. */
  async #forkEmpty(
    leaf: Image,
    parent: Image,
    { uuid, withLog }: { uuid: string; withLog: boolean },
  ): Promise<VdiState> {
    const { directory } = this.#options
    const path = this.#path(uuid, leaf.format)
    const id = await parent.use(async (layer) => layer.uuid)
    // There is no new base, so nothing but the child is taken back after a crash.
    await journaled(directory, { kind: 'clone', leaf: leaf.uuid, base: newUuid(), child: uuid }, async () => {
      await this.#newChildren(leaf, { name: basename(parent.path), uuid: id }, [uuid])
      if (withLog) await this.#prepareLogs(leaf.uuid, uuid)
      await rename(`${path}.new`, path)
      if (withLog) await this.#commitLogs(leaf.uuid, uuid)
      await syncDirectory(directory)
    })
    await this.#openLog(leaf.uuid)
    if (withLog) this.#logs.add(uuid)
    const child = new Image({ uuid, format: leaf.format, size: leaf.size, hidden: false }, path)
    child.setParent(parent)
    return await this.#added(child)
  }

  /** Empty images under the names `<uuid>.vhd.new`, complete and durable. */
  async #newChildren(leaf: Image, parent: { name: string; uuid: string }, uuids: readonly string[]): Promise<void> {
    for (const uuid of uuids) {
      await using file = await createLocalFile(`${this.#path(uuid, leaf.format)}.new`, { direct: false, replace: true })
      if (leaf.format === 'qcow2') await formatQcow2(file, { size: leaf.size, parent })
      else await VhdFile.format(file, { size: leaf.size, uuid: newVhdUuid(), parent })
      await file.commit()
    }
  }

  /** The copy's log beside the disk's, and an empty one for the disk under the name `.new`. */
  async #prepareLogs(from: string, uuid: string): Promise<void> {
    const log = decodeCbtLog(await readFile(this.#logPath(from)))
    await writeDurable(this.#logPath(uuid), encodeCbtLog({ ...log, child: from, consistent: true }))
    const size = this.#need(from).size
    const bits = new Uint8Array(cbtBitmapLength(size))
    await using file = await createLocalFile(`${this.#logPath(from)}.new`, { direct: false, replace: true })
    await file.write(0, encodeCbtLog({ parent: uuid, child: log.child, consistent: true, size, bits }))
    await file.commit()
  }

  async #commitLogs(from: string, uuid: string): Promise<void> {
    const { parent } = decodeCbtLog(await readFile(this.#logPath(uuid)))
    if (parent !== undefined) await setCbtChild(this.#options.directory, parent, uuid)
    await rename(`${this.#logPath(from)}.new`, this.#logPath(from))
  }

  async resize(uuid: string, size: number): Promise<VdiState> {
    const image = this.#need(uuid)
    const rounded = alignUp(size, image.format === 'vhd' ? blockSize : 512)
    if (rounded < image.size || (image.format === 'vhd' && rounded > largestVhd)) {
      throw smError('VDISize', `Can't resize ${image.size} bytes to ${size}`)
    }
    return await this.#change('VDISize', () =>
      this.#gate.alone(async () => {
        await this.#closeLog(uuid)
        if (this.#logs.has(uuid)) await this.#growLog(uuid, rounded)
        const now = this.#need(uuid)
        await now.use((layer) => layer.grow(rounded))
        now.size = rounded
        await this.#openLog(uuid)
        return await this.#state(now)
      }),
    )
  }

  async #growLog(uuid: string, size: number): Promise<void> {
    const log = decodeCbtLog(await readFile(this.#logPath(uuid)))
    await writeDurable(this.#logPath(uuid), encodeCbtLog({ ...log, size }))
  }

  async destroy(uuid: string): Promise<void> {
    await this.#change('EIO', async () => {
      const image = this.#images.get(uuid)
      if (this.#live.has(uuid)) throw smError('VDIInUse', uuid)
      // A disk that others stand on is theirs from now on; this happens to images of other programs only.
      if (image && image.children.size > 0) return await this.#hide(image)
      const { directory } = this.#options
      const after = this.#logs.has(uuid) ? (await this.cbtLog(uuid))?.child : undefined
      await this.#gate.alone(async () => {
        if (after !== undefined) await this.#closeLog(after)
        await journaled(directory, { kind: 'destroy', image: uuid }, () => removeImage(directory, uuid))
        if (after !== undefined) await this.#openLog(after)
      })
      this.#logs.delete(uuid)
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
    if (this.#live.has(uuid)) throw smError('VDIInUse', uuid)
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
    await this.#change(enabled ? 'CBTActivateFailed' : 'CBTDeactivateFailed', async () => {
      if (!enabled) return await this.#dropLog(uuid)
      const bits = new Uint8Array(cbtBitmapLength(image.size))
      const content = encodeCbtLog({ parent: undefined, child: undefined, consistent: true, size: image.size, bits })
      await this.#gate.alone(async () => {
        await writeDurable(this.#logPath(uuid), content)
        this.#logs.add(uuid)
        await this.#openLog(uuid)
      })
    })
  }

  /** CBT off: the chain of logs ends at the one before. */
  async #dropLog(uuid: string): Promise<void> {
    await this.#gate.alone(async () => {
      await this.#closeLog(uuid)
      const { parent } = decodeCbtLog(await readFile(this.#logPath(uuid)))
      await removeDurable(this.#logPath(uuid))
      this.#logs.delete(uuid)
      if (parent !== undefined) await setCbtChild(this.#options.directory, parent, undefined)
    })
  }

  async cbtLog(uuid: string): Promise<CbtContent | undefined> {
    if (!this.#logs.has(uuid)) return undefined
    const content = decodeCbtLog(await readFile(this.#logPath(uuid)))
    // A log that is open is right as long as this process lives.
    return this.#live.get(uuid)?.disk.cbt ? { ...content, consistent: true } : content
  }

  async open(uuid: string, { write }: { write: boolean }): Promise<OpenVdi> {
    return await this.#locks.run('tree', () => asStorage(() => this.#open(uuid, write), 'VDIUnavailable'))
  }

  async #open(uuid: string, write: boolean): Promise<OpenVdi> {
    const image = this.#need(uuid)
    let live = this.#live.get(uuid)
    if (write && live?.writer) throw smError('VDIInUse', uuid)
    if (!live) {
      const disk = new LiveDisk(uuid, this.#gate)
      await disk.rebind(image.chain())
      live = { disk, users: 0, writer: false }
      this.#live.set(uuid, live)
    }
    live.users++
    if (write) {
      live.writer = true
      await this.#openLog(uuid)
    }
    return this.#handle(live, write)
  }

  #handle(live: Live, write: boolean): OpenVdi {
    const { disk } = live
    let open = true
    const close = async (): Promise<void> => {
      if (!open) return
      open = false
      await this.#locks.run('tree', () => this.#close(live, write))
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
    const differing = await this.#locks.run('tree', async () => {
      const [own, other] = [this.#need(uuid).chain(), this.#need(since).chain()]
      const images = [
        ...own.filter((image) => !other.includes(image)),
        ...other.filter((image) => !own.includes(image)),
      ]
      // Held open: what they hold stays the same for us even when they are merged meanwhile.
      const layers: Layer[] = []
      for (const image of images) layers.push(await image.acquire())
      return { images, layers, size: this.#need(uuid).size }
    })
    try {
      yield* changedExtents(differing.layers, differing.size, signal)
    } finally {
      for (const image of differing.images) await image.release()
      this.#coalescer.kick()
    }
  }

  async #close(live: Live, write: boolean): Promise<void> {
    live.users--
    const { disk } = live
    if (write) {
      await disk.flush()
      live.writer = false
      await this.#gate.alone(() => this.#closeLog(disk.uuid))
      const image = this.#images.get(disk.uuid)
      if (image) await this.#state(image)
      this.#tell([disk.uuid], [])
    }
    if (live.users > 0) return
    this.#live.delete(disk.uuid)
    await disk[Symbol.asyncDispose]()
    this.#coalescer.kick()
  }

  /** Follows the writes in the log, if the disk has a writer and a log. */
  async #openLog(uuid: string): Promise<void> {
    const live = this.#live.get(uuid)
    if (!live?.writer || live.disk.cbt || !this.#logs.has(uuid)) return
    live.disk.cbt = await LiveCbtLog.open(this.#logPath(uuid))
  }

  async #closeLog(uuid: string): Promise<void> {
    const live = this.#live.get(uuid)
    const log = live?.disk.cbt
    if (!live || !log) return
    live.disk.cbt = undefined
    await log[Symbol.asyncDispose]()
  }

  /** Waits until nothing is left to coalesce, or works on it at once. */
  async settle(): Promise<void> {
    await this.#coalescer.settle()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#coalescer.stop()
    await this.#locks.run('tree', async () => {
      for (const { disk } of this.#live.values()) await disk[Symbol.asyncDispose]()
      this.#live.clear()
    })
  }

  async #change<T>(failure: Parameters<typeof smError>[0], work: () => Promise<T>): Promise<T> {
    return await this.#locks.run('tree', () =>
      asStorage(async () => {
        try {
          return await work()
        } catch (error) {
          for (const { uuid } of this.#images.values()) await this.#openLog(uuid)
          throw error
        }
      }, failure),
    )
  }

  /** Gives every open disk the chain that its image has now. Nothing may be passing the gate. */
  async #rebind(): Promise<void> {
    for (const [uuid, { disk }] of this.#live) {
      const image = this.#images.get(uuid)
      if (image) await disk.rebind(image.chain())
    }
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
    return {
      uuid: image.uuid,
      location: image.uuid,
      virtualSize: image.size,
      physicalUtilisation: image.utilisation,
      smConfig: {
        ...(image.parent ? { 'vhd-parent': image.parent.uuid } : {}),
        ...(image.format === 'raw' ? { type: 'raw' } : { 'image-format': image.format }),
      },
      managed: !image.hidden,
      readOnly: image.hidden,
      cbtEnabled: this.#logs.has(image.uuid),
    }
  }

  async #logState(uuid: string): Promise<VdiState> {
    const { size } = decodeCbtLog(await readFile(this.#logPath(uuid)))
    return {
      uuid,
      location: uuid,
      virtualSize: size,
      physicalUtilisation: 0,
      smConfig: {},
      managed: true,
      readOnly: false,
      cbtEnabled: true,
    }
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

  #logPath(uuid: string): string {
    return join(this.#options.directory, `${uuid}.cbtlog`)
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
