import { access, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve, sep } from 'node:path'
import { equalBytes, isUuid, type Log } from '@nixen/core'
import { convert, type DiskSink, type DiskSource } from '@nixen/disk'
import type { Database } from '../db/database.ts'
import type { Ref } from '../generated/rows.ts'
import { changedBlocks } from './cbt/changed-blocks.ts'
import { dropTransfers } from './dom0-attachment.ts'
import { FileSr } from './file-sr/file-sr.ts'
import { IsoSr } from './iso-sr.ts'
import { limitedDisk, limitedSink } from './limited-disk.ts'
import { Locks } from './locks.ts'
import { applyChange, applyScan, updateTotals } from './record-keeper.ts'
import { smError } from './sm-errors.ts'
import type { SrDriver } from './sr-driver.ts'
import {
  unwrittenKey,
  type LongOptions,
  type OpenVdi,
  type SrConfig,
  type SrState,
  type StoragePort,
  type VdiFormat,
  type VdiPlace,
  type VdiState,
} from './storage-port.ts'
import { zeroDisk } from './zero-disk.ts'

/** SR types whose disks are files that somebody else puts there. */
const isoTypes: ReadonlySet<string> = new Set(['iso', 'udev'])

/** What a new file takes before anything is written to it, bytes. */
const newFile = 4096

export interface LocalStorageOptions {
  readonly db: Database
  /** A directory for each SR is made in it, named by the SR's UUID. */
  readonly directory: string
  readonly log: Log
  /** Directories of this machine in which an SR may be by its `location`; none when left out. */
  readonly allowed?: readonly string[] | undefined
  /** Milliseconds from a change to coalescing in the background; 1000 when left out, `undefined` never by itself. */
  readonly coalesceDelay?: number | undefined
  /** Asked before bytes are written to an SR; throws when there is no room for them. */
  readonly takeSpace?: ((sr: string, bytes: number) => void) | undefined
}

/** The SRs of a pool in a directory of this machine. */
export class LocalStorage implements StoragePort, AsyncDisposable {
  readonly #options: LocalStorageOptions
  readonly #drivers = new Map<string, Promise<SrDriver>>()
  readonly #firstUse = new Locks<string>()
  /** Disks whose records are about to come, or to go, with a call. */
  readonly #coming = new Set<string>()
  readonly #going = new Set<string>()
  #temporary: string | undefined

  private constructor(options: LocalStorageOptions) {
    this.#options = options
  }

  /** Opens the storage. When it is new, all disks of the inventory are marked as never written. */
  static async open(options: LocalStorageOptions): Promise<LocalStorage> {
    const { db, directory } = options
    const known = await access(directory).then(
      () => true,
      () => false,
    )
    if (!known) {
      markUnwritten(db)
      db.commit()
      await mkdir(directory, { recursive: true })
    }
    dropTransfers(db)
    return new LocalStorage(options)
  }

  /** Storage that ends with the process. */
  static async temporary(options: Omit<LocalStorageOptions, 'directory'>): Promise<LocalStorage> {
    const root = await mkdtemp(join(tmpdir(), 'nixen-toolstack-'))
    const storage = await LocalStorage.open({ ...options, directory: join(root, 'sr') })
    storage.#temporary = root
    return storage
  }

  /** Where the SRs are, each in a directory named by its UUID. */
  get directory(): string {
    return this.#options.directory
  }

  /** Closes all SRs; each is opened again when it is next used. */
  async detachAll(): Promise<void> {
    for (const uuid of this.#drivers.keys()) await this.detachSr(uuid)
    // What comes and goes is known again from the records.
    this.#coming.clear()
    this.#going.clear()
  }

  async createSr(sr: SrConfig): Promise<void> {
    const directory = this.#directoryOf(sr)
    if (sr.type === 'iso' && sr.deviceConfig['location'] === undefined) {
      throw smError('ISODconfMissingLocation')
    }
    await mkdir(directory, { recursive: true })
  }

  async attachSr(sr: SrConfig): Promise<SrState> {
    return await (await this.#driver(sr.uuid, sr)).state()
  }

  async detachSr(uuid: string): Promise<void> {
    const driver = this.#drivers.get(uuid)
    this.#drivers.delete(uuid)
    await (await driver)?.[Symbol.asyncDispose]()
  }

  async destroySr(sr: SrConfig): Promise<void> {
    await this.detachSr(sr.uuid)
    const own = join(this.#options.directory, sr.uuid)
    // A directory that was there before the SR keeps its files.
    if (isUuid(sr.uuid) && this.#directoryOf(sr) === own) await rm(own, { recursive: true, force: true })
  }

  async scan(sr: string): Promise<{ sr: SrState; vdis: readonly VdiState[] }> {
    const { db } = this.#options
    const driver = await this.#driver(sr)
    const vdis = applyScan(db, sr, { states: await driver.scan(), moving: this.#coming.union(this.#going) })
    const ref = db.findUuid('SR', sr)
    const state = await driver.state()
    if (ref === undefined) return { sr: state, vdis }
    const { physical_size, physical_utilisation, virtual_allocation } = db.get('SR', ref)
    const physicalSize = physical_size > 0 ? physical_size : state.physicalSize
    return {
      sr: { physicalSize, physicalUtilisation: physical_utilisation, virtualAllocation: virtual_allocation },
      vdis,
    }
  }

  async create(place: VdiPlace, options: { size: number; format?: VdiFormat | undefined }): Promise<VdiState> {
    const driver = await this.#driver(place.sr)
    this.#takeSpace(place.sr, newFile)
    this.#comes(place.uuid)
    return await driver.create(place.uuid, { ...options, format: options.format ?? this.#usualFormat(place.sr) })
  }

  async make(
    place: VdiPlace,
    options: { size: number; format?: VdiFormat | undefined },
    work: (sink: DiskSink) => Promise<unknown>,
  ): Promise<VdiState> {
    const driver = await this.#driver(place.sr)
    const format = options.format ?? this.#usualFormat(place.sr)
    this.#comes(place.uuid)
    const take = (bytes: number): void => this.#takeSpace(place.sr, bytes)
    take(newFile)
    return await driver.make(place.uuid, { ...options, format }, (sink) => work(limitedSink(sink, take)))
  }

  async snapshot(from: VdiPlace, uuid: string): Promise<VdiState> {
    this.#takeSpace(from.sr, newFile)
    this.#comes(uuid)
    return await (await this.#written(from)).snapshot(from.uuid, uuid)
  }

  async clone(from: VdiPlace, uuid: string): Promise<VdiState> {
    this.#takeSpace(from.sr, newFile)
    this.#comes(uuid)
    return await (await this.#written(from)).clone(from.uuid, uuid)
  }

  async copy(
    from: VdiPlace,
    to: VdiPlace,
    { base, signal, progress }: LongOptions & { base?: VdiPlace | undefined } = {},
  ): Promise<VdiState> {
    const tell = progress && ((at: { bytes: number; total: number }) => progress(at.bytes / at.total))
    await using source = await this.open(from)
    const driver = await this.#driver(to.sr)
    if (!driver.has(to.uuid)) {
      return await this.make(to, { size: source.size }, (sink) => convert(source, sink, { signal, progress: tell }))
    }
    await using target = await this.open(to, { write: true })
    if (target.size < source.size) throw smError('VDISize', 'The target is smaller')
    await using below = base ? await this.open(base) : undefined
    await writeDifferences(source, target, { below, signal, progress })
    const state = (await driver.scan()).find(({ uuid }) => uuid === to.uuid)
    if (!state) throw smError('VDIUnavailable', to.uuid)
    return state
  }

  async resize(place: VdiPlace, size: number): Promise<VdiState> {
    return await (await this.#written(place)).resize(place.uuid, size)
  }

  async destroy(place: VdiPlace): Promise<void> {
    const driver = await this.#driver(place.sr)
    this.#forgetSettled()
    this.#going.add(place.uuid)
    if (driver.has(place.uuid)) await driver.destroy(place.uuid)
  }

  async setCbt(place: VdiPlace, enabled: boolean): Promise<void> {
    await (await this.#written(place)).setCbt(place.uuid, enabled)
  }

  async listChangedBlocks(from: VdiPlace, to: VdiPlace): Promise<string> {
    if (from.sr !== to.sr) throw smError('CBTChangedBlocksError', 'Source and target VDI are unrelated')
    const driver = await this.#driver(from.sr)
    const bits = await changedBlocks(from.uuid, to.uuid, (uuid) => driver.cbtLog(uuid))
    return Buffer.from(bits).toString('base64')
  }

  async dataDestroy(place: VdiPlace): Promise<void> {
    await (await this.#driver(place.sr)).dataDestroy(place.uuid)
  }

  async open(place: VdiPlace, { write = false }: { write?: boolean | undefined } = {}): Promise<OpenVdi> {
    const driver = await this.#driver(place.sr)
    const vdi = this.#unwritten(place, driver)
    // Reading what was never written needs no file.
    if (vdi !== undefined && !write) return zeroDisk(this.#options.db.get('VDI', vdi).virtual_size)
    const disk = await (await this.#written(place)).open(place.uuid, { write })
    return write ? limitedDisk(disk, (bytes) => this.#takeSpace(place.sr, bytes)) : disk
  }

  /** Works on all that waits to be coalesced on an SR, and resolves when nothing is left. */
  async settle(sr: string): Promise<void> {
    const driver = await this.#driver(sr)
    if (driver instanceof FileSr) await driver.settle()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.detachAll()
    if (this.#temporary !== undefined) await rm(this.#temporary, { recursive: true, force: true })
  }

  #takeSpace(sr: string, bytes: number): void {
    this.#options.takeSpace?.(sr, bytes)
  }

  #comes(uuid: string): void {
    this.#forgetSettled()
    this.#coming.add(uuid)
  }

  #forgetSettled(): void {
    const { db } = this.#options
    for (const uuid of this.#coming) if (db.findUuid('VDI', uuid) !== undefined) this.#coming.delete(uuid)
    for (const uuid of this.#going) if (db.findUuid('VDI', uuid) === undefined) this.#going.delete(uuid)
  }

  /** The SR of a disk that has data, even if it is all zeros: a file is made on first use. */
  async #written(place: VdiPlace): Promise<SrDriver> {
    const { db } = this.#options
    const driver = await this.#driver(place.sr)
    await this.#firstUse.run(place.uuid, async () => {
      const vdi = this.#unwritten(place, driver)
      if (vdi === undefined) return
      const { virtual_size, sm_config } = db.get('VDI', vdi)
      const format = formatOf(sm_config)
      const state = await driver.create(place.uuid, { size: virtual_size, ...(format ? { format } : {}) })
      applyChange(db, place.sr, { changed: [state], removed: [] })
      db.commit()
    })
    return driver
  }

  /** The record of a disk that was never written. */
  #unwritten({ uuid }: VdiPlace, driver: SrDriver): Ref<'VDI'> | undefined {
    const { db } = this.#options
    const vdi = db.findUuid('VDI', uuid)
    if (vdi === undefined || !Object.hasOwn(db.get('VDI', vdi).sm_config, unwrittenKey)) return undefined
    return driver.has(uuid) ? undefined : vdi
  }

  async #driver(uuid: string, config?: SrConfig): Promise<SrDriver> {
    const known = this.#drivers.get(uuid)
    if (known) return await known
    const attaching = this.#attach(config ?? this.#configOf(uuid))
    this.#drivers.set(uuid, attaching)
    try {
      return await attaching
    } catch (error) {
      this.#drivers.delete(uuid)
      throw error
    }
  }

  async #attach(sr: SrConfig): Promise<SrDriver> {
    const { db, log, coalesceDelay } = this.#options
    const directory = this.#directoryOf(sr)
    await mkdir(directory, { recursive: true })
    const driver = isoTypes.has(sr.type)
      ? await IsoSr.attach({
          directory,
          uuid: sr.uuid,
          locationOf: (uuid) => {
            const vdi = db.findUuid('VDI', uuid)
            return vdi === undefined ? undefined : db.get('VDI', vdi).location
          },
        })
      : await FileSr.attach({
          directory,
          log,
          coalesceDelay: 'coalesceDelay' in this.#options ? coalesceDelay : 1000,
          policy: policyOf(db, sr.uuid),
          onChange: (change) => {
            applyChange(db, sr.uuid, change)
            db.commit()
          },
        })
    applyScan(db, sr.uuid, { states: await driver.scan(), moving: this.#coming.union(this.#going) })
    db.commit()
    return driver
  }

  /** What the database says of an SR. */
  #configOf(uuid: string): SrConfig {
    const { db } = this.#options
    const ref = db.findUuid('SR', uuid)
    if (ref === undefined) throw smError('SRUnavailable', `SR ${uuid} not found`)
    const { type, PBDs, sm_config } = db.get('SR', ref)
    const [pbd] = PBDs
    return { uuid, type, deviceConfig: pbd === undefined ? {} : db.get('PBD', pbd).device_config, smConfig: sm_config }
  }

  /** The SR's own directory, unless it names one that is allowed. */
  #directoryOf({ uuid, type, deviceConfig }: SrConfig): string {
    if (!isUuid(uuid)) throw smError('SRUnavailable', 'not a UUID')
    const { location } = deviceConfig
    const wanted = location === undefined || (type !== 'iso' && type !== 'file') ? undefined : resolve(location)
    const allowed = this.#options.allowed ?? []
    if (wanted !== undefined && allowed.some((root) => `${wanted}${sep}`.startsWith(`${resolve(root)}${sep}`)))
      return wanted
    return join(this.#options.directory, uuid)
  }

  #usualFormat(sr: string): VdiFormat | undefined {
    const preferred = this.#configOf(sr).deviceConfig['preferred-image-formats']?.split(',')[0]
    return preferred === 'qcow2' ? 'qcow2' : undefined
  }
}

function formatOf(smConfig: Readonly<Record<string, string>>): VdiFormat | undefined {
  const format = smConfig['image-format'] ?? smConfig['type']
  return format === 'raw' || format === 'qcow2' || format === 'vhd' ? format : undefined
}

function markUnwritten(db: Database): void {
  for (const { ref, values } of db.rows('VDI')) {
    db.update(ref, {
      sm_config: { ...values.sm_config, [unwrittenKey]: 'true' },
      ...(values.location === '' ? { location: values.uuid } : {}),
    })
  }
  for (const { ref } of db.rows('SR')) updateTotals(db, ref)
}

function policyOf(db: Database, sr: string): { coalesce: boolean; leaf: (uuid: string) => boolean } {
  const srConfig = (): Readonly<Record<string, string>> => {
    const ref = db.findUuid('SR', sr)
    return ref === undefined ? {} : db.get('SR', ref).other_config
  }
  return {
    get coalesce() {
      return srConfig()['coalesce'] !== 'false'
    },
    leaf(uuid) {
      const vdi = db.findUuid('VDI', uuid)
      const own = vdi === undefined ? undefined : db.get('VDI', vdi).other_config['leaf-coalesce']
      return own !== 'false' && srConfig()['leaf-coalesce'] !== 'false'
    },
  }
}

const step = 2 * 1024 * 1024

/** Writes what differs from `below` (or from the target itself) into the target. */
async function writeDifferences(
  source: DiskSource,
  target: OpenVdi,
  { below, signal, progress }: LongOptions & { below: DiskSource | undefined },
): Promise<void> {
  const [a, b] = [new Uint8Array(step), new Uint8Array(step)]
  for (let offset = 0; offset < source.size; offset += step) {
    signal?.throwIfAborted()
    const now = a.subarray(0, Math.min(step, source.size - offset))
    const before = b.subarray(0, now.length)
    await source.read(offset, now, { signal })
    await readOrZeros(below ?? target, offset, before)
    if (!equalBytes(now, before)) await target.writable?.write(offset, now, { signal })
    progress?.(Math.min(1, (offset + step) / source.size))
  }
  await target.writable?.flush({ signal })
}

async function readOrZeros(source: DiskSource, offset: number, into: Uint8Array): Promise<void> {
  const length = Math.max(0, Math.min(into.length, source.size - offset))
  into.fill(0, length)
  if (length > 0) await source.read(offset, into.subarray(0, length))
}
