import { createHash } from 'node:crypto'
import { alignUp, MiB, viewOf } from '@nixen/core'
import { diskErrors } from '../errors.ts'
import { planLayout, rootEntries, sectorSize, type FatLayout } from './layout.ts'
import { checkName, longNameEntries, shortName } from './names.ts'

/** A file to put into a volume. */
export interface FatFile {
  /** With `/` between folders, which are made as needed: `openstack/latest/meta_data.json`. */
  readonly path: string
  readonly content: Uint8Array | string
}

export interface FatImageOptions {
  /** Name of the volume, up to eleven characters; `cidata` for NoCloud, `config-2` for config drives. */
  readonly label: string
  readonly files: readonly FatFile[]
  /** Puts the volume into the first partition of a disk with an MBR. */
  readonly mbr?: boolean | undefined
  /** Bytes of the whole image; 10 MiB, or more if the files need it, when left out. */
  readonly size?: number | undefined
  /** Time of all files in epoch milliseconds, read as UTC; 1980, the first that FAT knows, when left out. */
  readonly modified?: number | undefined
}

const partitionStart = 2048
const defaultSize: number = 10 * MiB
const attribute = { volume: 0x08, directory: 0x10, archive: 0x20 } as const

interface Folder {
  readonly folders: Map<string, Folder>
  readonly files: Map<string, Uint8Array>
}

/**
 * Makes a disk image with one FAT12 or FAT16 volume, as cloud-init reads its seeds from. The same options make the same bytes. Errors:
 * `disk.bad_setting` for names and labels that can't be, `disk.bad_size` when the files do not fit.
 */
export function fatImage(options: FatImageOptions): Uint8Array<ArrayBuffer> {
  const tree = buildTree(options.files)
  const start = options.mbr ? partitionStart : 0
  const size = options.size ?? Math.max(defaultSize, estimateSize(options.files) + start * sectorSize)
  if (size % sectorSize !== 0) throw diskErrors.bad_size({ size, reason: `it is not a multiple of ${sectorSize}` })
  const layout = planLayout(size / sectorSize - start)
  const image = new Uint8Array(size)
  const label = encodeLabel(options.label)
  const serial = serialOf(options)
  if (options.mbr) writeMbr(image, layout, serial)
  const volume = image.subarray(start * sectorSize)
  writeBootSector(volume, layout, { label, serial, hidden: start })
  new VolumeWriter(volume, layout, dosTime(options.modified)).write(tree, label)
  return image
}

function buildTree(files: readonly FatFile[]): Folder {
  const root: Folder = { folders: new Map(), files: new Map() }
  for (const { path, content } of files) {
    const names = path.split('/')
    const last = names.pop() ?? ''
    let folder = root
    for (const name of names) folder = subfolder(folder, name, path)
    checkName(last)
    const taken = [...folder.files.keys(), ...folder.folders.keys()]
    if (taken.some((name) => name.toUpperCase() === last.toUpperCase())) throw duplicate(path)
    folder.files.set(last, typeof content === 'string' ? new TextEncoder().encode(content) : content)
  }
  return root
}

function subfolder(parent: Folder, name: string, path: string): Folder {
  checkName(name)
  const same = (known: string): boolean => known.toUpperCase() === name.toUpperCase()
  if ([...parent.files.keys()].some(same)) throw duplicate(path)
  const known = [...parent.folders].find(([other]) => same(other))
  if (known) return known[1]
  const made: Folder = { folders: new Map(), files: new Map() }
  parent.folders.set(name, made)
  return made
}

function duplicate(path: string): Error {
  return diskErrors.bad_setting({
    format: 'fat',
    setting: `files: ${path}`,
    reason: 'the name is taken (case does not count)',
  })
}

function encodeLabel(label: string): Uint8Array {
  if (!/^[A-Za-z0-9 !#$%&'()@^_`{}~-]{1,11}$/.test(label) || label.startsWith(' ')) {
    const reason = "it has 1 to 11 letters, digits, spaces or some of !#$%&'()@^_`{}~-"
    throw diskErrors.bad_setting({ format: 'fat', setting: 'label', reason })
  }
  return new TextEncoder().encode(label.padEnd(11))
}

/** Room for the files in clusters of 32 KiB, the largest, and for the tables. */
function estimateSize(files: readonly FatFile[]): number {
  const folders = files.reduce((sum, { path }) => sum + path.split('/').length, 1)
  const content = files.reduce(
    (sum, file) => sum + alignUp(file.content.length * (typeof file.content === 'string' ? 3 : 1), 32 * 1024),
    0,
  )
  return alignUp(Math.ceil((content + folders * 64 * 1024) * 1.05), MiB)
}

/** Depends on the content alone, so that equal seeds are equal and others differ. */
function serialOf({ label, files }: FatImageOptions): number {
  const hash = createHash('sha256').update(label)
  for (const { path, content } of files) hash.update(`\0${path}\0${content.length}\0`).update(content)
  return hash.digest().readUInt32LE(0)
}

function dosTime(modified = 0): { date: number; time: number } {
  const at = new Date(Math.max(modified, Date.UTC(1980, 0, 1)))
  return {
    date: (Math.min(127, at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
  }
}

function writeMbr(image: Uint8Array, layout: FatLayout, serial: number): void {
  const view = viewOf(image)
  view.setUint32(440, serial, true)
  // Cylinders, heads and sectors say "look at the block numbers".
  view.setUint32(446, 0xffff_fe00, true)
  // 0x0E is FAT16 with block numbers, 0x01 is FAT12.
  view.setUint32(450, (0xffff_fe00 | (layout.bits === 16 ? 0x0e : 0x01)) >>> 0, true)
  view.setUint32(454, partitionStart, true)
  view.setUint32(458, layout.sectors, true)
  view.setUint16(510, 0xaa55, true)
}

function writeBootSector(
  volume: Uint8Array,
  layout: FatLayout,
  { label, serial, hidden }: { label: Uint8Array; serial: number; hidden: number },
): void {
  const view = viewOf(volume)
  // A jump over the table, where boot code would be.
  volume.set([0xeb, 0x3c, 0x90])
  volume.set(new TextEncoder().encode('NIXEN   '), 3)
  view.setUint16(11, sectorSize, true)
  volume[13] = layout.sectorsPerCluster
  view.setUint16(14, layout.fatStart, true)
  volume[16] = 2
  view.setUint16(17, rootEntries, true)
  view.setUint16(19, layout.sectors < 65_536 ? layout.sectors : 0, true)
  volume[21] = 0xf8
  view.setUint16(22, layout.fatSectors, true)
  view.setUint16(24, 32, true)
  view.setUint16(26, 64, true)
  view.setUint32(28, hidden, true)
  view.setUint32(32, layout.sectors < 65_536 ? 0 : layout.sectors, true)
  volume[36] = 0x80
  volume[38] = 0x29
  view.setUint32(39, serial, true)
  volume.set(label, 43)
  volume.set(new TextEncoder().encode(`FAT${layout.bits}   `), 54)
  view.setUint16(510, 0xaa55, true)
}

/** Fills the tables, the folders and the clusters. */
class VolumeWriter {
  readonly #volume: Uint8Array
  readonly #layout: FatLayout
  readonly #stamp: { date: number; time: number }
  readonly #clusterSize: number
  /** Clusters are numbered from 2. */
  #next = 2

  constructor(volume: Uint8Array, layout: FatLayout, stamp: { date: number; time: number }) {
    this.#volume = volume
    this.#layout = layout
    this.#stamp = stamp
    this.#clusterSize = layout.sectorsPerCluster * sectorSize
  }

  write(tree: Folder, label: Uint8Array): void {
    // The first two entries of the table hold the kind of medium and "all was written".
    this.#setFat(0, this.#layout.bits === 16 ? 0xfff8 : 0xff8)
    this.#setFat(1, this.#layout.bits === 16 ? 0xffff : 0xfff)
    const entries = [this.#entry(label, { attributes: attribute.volume, cluster: 0, size: 0 })]
    entries.push(...this.#content(tree, 0))
    if (entries.length > rootEntries) throw this.#full()
    for (const [index, entry] of entries.entries()) {
      this.#volume.set(entry, this.#layout.rootStart * sectorSize + index * 32)
    }
    const { fatStart, fatSectors } = this.#layout
    const first = fatStart * sectorSize
    this.#volume.copyWithin(first + fatSectors * sectorSize, first, first + fatSectors * sectorSize)
  }

  /** Entries for all that is in a folder; `own` is the folder's cluster, 0 for the root. */
  #content(folder: Folder, own: number): Uint8Array[] {
    const taken = new Set<string>()
    const entries: Uint8Array[] = []
    const add = (name: string, fields: { attributes: number; cluster: number; size: number }): void => {
      const short = shortName(name, taken)
      entries.push(...longNameEntries(name, short), this.#entry(short, fields))
    }
    for (const [name, inner] of folder.folders) {
      add(name, { attributes: attribute.directory, cluster: this.#folder(inner, own), size: 0 })
    }
    for (const [name, content] of folder.files) {
      add(name, { attributes: attribute.archive, cluster: this.#store(content), size: content.length })
    }
    return entries
  }

  #folder(folder: Folder, parent: number): number {
    // Its own cluster must be known to what is in it, so the chain is made first. Long names have up to 21 entries.
    const names = [...folder.folders.keys(), ...folder.files.keys()]
    const entries = names.reduce((sum, name) => sum + 1 + longNameEntries(name, new Uint8Array(11)).length, 2)
    const { first, at } = this.#allocate(Math.ceil((entries * 32) / this.#clusterSize))
    const dot = (name: string, cluster: number): Uint8Array =>
      this.#entry(new TextEncoder().encode(name.padEnd(11)), { attributes: attribute.directory, cluster, size: 0 })
    const content = [dot('.', first), dot('..', parent), ...this.#content(folder, first)]
    for (const [index, entry] of content.entries()) this.#volume.set(entry, at + index * 32)
    return first
  }

  #store(content: Uint8Array): number {
    // An empty file has no cluster.
    if (content.length === 0) return 0
    const { first, at } = this.#allocate(Math.ceil(content.length / this.#clusterSize))
    this.#volume.set(content, at)
    return first
  }

  /** Clusters in a row, linked in the table; the first one and where it is in bytes. */
  #allocate(count: number): { first: number; at: number } {
    const first = this.#next
    if (first - 2 + count > this.#layout.clusters) throw this.#full()
    this.#next += count
    for (let cluster = first; cluster < first + count; cluster++) {
      const end = this.#layout.bits === 16 ? 0xffff : 0xfff
      this.#setFat(cluster, cluster === first + count - 1 ? end : cluster + 1)
    }
    return { first, at: this.#layout.dataStart * sectorSize + (first - 2) * this.#clusterSize }
  }

  #setFat(cluster: number, value: number): void {
    const start = this.#layout.fatStart * sectorSize
    const view = viewOf(this.#volume)
    if (this.#layout.bits === 16) return view.setUint16(start + cluster * 2, value, true)
    // Two entries of twelve bits share three bytes.
    const at = start + Math.floor(cluster * 1.5)
    const old = view.getUint16(at, true)
    view.setUint16(at, cluster % 2 === 0 ? (old & 0xf000) | value : (old & 0x000f) | (value << 4), true)
  }

  #entry(
    name: Uint8Array,
    { attributes, cluster, size }: { attributes: number; cluster: number; size: number },
  ): Uint8Array {
    const bytes = new Uint8Array(32)
    const view = viewOf(bytes)
    bytes.set(name)
    bytes[11] = attributes
    for (const [time, date] of [
      [14, 16],
      [22, 24],
    ] as const) {
      view.setUint16(time, this.#stamp.time, true)
      view.setUint16(date, this.#stamp.date, true)
    }
    view.setUint16(18, this.#stamp.date, true)
    view.setUint16(26, cluster, true)
    view.setUint32(28, size, true)
    return bytes
  }

  #full(): Error {
    return diskErrors.bad_size({ size: this.#volume.length, reason: 'the files do not fit' })
  }
}
