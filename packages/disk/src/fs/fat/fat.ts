import { fileErrors } from '../errors.ts'
import type { Device } from '../device.ts'
import { bounds, textOfName, type FileNode, type FileSystemReader, type NamedNode } from '../model.ts'
import { readRuns, type Run } from '../runs.ts'

interface Layout {
  readonly bits: 12 | 16 | 32
  readonly clusterSize: number
  readonly clusters: number
  readonly fatStart: number
  /** Bytes of the root directory of FAT12 and FAT16. */
  readonly rootStart: number
  readonly rootSize: number
  readonly rootCluster: number
  readonly dataStart: number
}

const attributes = { readOnly: 0x01, label: 0x08, directory: 0x10, longName: 0x0f } as const
const rootId = 0

export function isFat(start: Buffer): boolean {
  const sector = start.readUInt16LE(11)
  const jump = start[0] === 0xeb || start[0] === 0xe9
  const tables = start[16] ?? 0
  const cluster = start[13] ?? 0
  const sectorFits = [512, 1024, 2048, 4096].includes(sector)
  return (
    jump &&
    sectorFits &&
    tables >= 1 &&
    tables <= 2 &&
    cluster > 0 &&
    (cluster & (cluster - 1)) === 0 &&
    start.readUInt16LE(510) === 0xaa55
  )
}

/** FAT12, FAT16, FAT32 with long names (Microsoft's FAT specification 1.03). @throws file.damaged */
export async function openFat(device: Device): Promise<FileSystemReader> {
  const boot = await device.read(0, 512)
  const layout = layoutOf(device, boot)
  const at = layout.bits === 32 ? 67 : 39
  const fat = new Fat(device, layout, {
    label: boot
      .toString('latin1', at + 4, at + 15)
      .trim()
      .replace(/^NO NAME$/, ''),
    uuid: boot
      .readUInt32LE(at)
      .toString(16)
      .padStart(8, '0')
      .toUpperCase()
      .replace(/^(.{4})/, '$1-'),
  })
  return fat
}

function layoutOf({ where }: Device, boot: Buffer): Layout {
  const sector = boot.readUInt16LE(11)
  const clusterSize = sector * (boot[13] ?? 0)
  const reserved = boot.readUInt16LE(14)
  const tables = boot[16] ?? 0
  const rootEntries = boot.readUInt16LE(17)
  const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32)
  const tableSectors = boot.readUInt16LE(22) || boot.readUInt32LE(36)
  const rootSectors = Math.ceil((rootEntries * 32) / sector)
  const dataSector = reserved + tables * tableSectors + rootSectors
  const clusters = Math.floor((sectors - dataSector) / (clusterSize / sector))
  if (clusters <= 0 || tableSectors === 0)
    throw fileErrors.damaged({ where, what: 'its boot sector has impossible sizes' })
  // The number of clusters alone decides which kind it is.
  const bits = clusters < 4085 ? 12 : clusters < 65_525 ? 16 : 32
  return {
    bits,
    clusterSize,
    clusters,
    fatStart: reserved * sector,
    rootStart: (dataSector - rootSectors) * sector,
    rootSize: rootEntries * 32,
    rootCluster: bits === 32 ? boot.readUInt32LE(44) : 0,
    dataStart: dataSector * sector,
  }
}

class Fat implements FileSystemReader {
  readonly kind = 'fat'
  readonly ignoresCase = true
  readonly root = rootId
  readonly warnings: readonly string[] = []
  readonly name: string
  readonly label: string
  readonly uuid: string
  readonly size: number
  readonly #device: Device
  readonly #layout: Layout

  constructor(device: Device, layout: Layout, { label, uuid }: { label: string; uuid: string }) {
    this.#device = device
    this.#layout = layout
    this.name = `FAT${layout.bits}`
    this.label = label
    this.uuid = uuid
    this.size = layout.clusters * layout.clusterSize
  }

  /** A file is named by the place of its entry on the device. */
  async node(id: number): Promise<FileNode> {
    if (id === rootId) return { id, kind: 'directory', size: 0, mode: 0o755 }
    const entry = await this.#device.read(id, 32)
    const head = entry[0] ?? 0
    if (head === 0 || head === 0xe5 || (entry[11] ?? 0) === attributes.longName)
      throw this.#damaged('a file is not there')
    return nodeOf(entry, id)
  }

  async *names(directory: FileNode): AsyncGenerator<NamedNode> {
    let long: { sum: number; parts: string[] } | undefined
    let count = 0
    for await (const { entry, id } of this.#entries(directory)) {
      if (++count > bounds.names) {
        throw fileErrors.too_many({ where: this.#device.where, what: 'names in a directory', limit: bounds.names })
      }
      const head = entry[0] ?? 0
      if (head === 0) return
      const kind = entry[11] ?? 0
      if (head === 0xe5) long = undefined
      else if (kind === attributes.longName) {
        if ((head & 0x40) !== 0) long = { sum: entry[13] ?? 0, parts: [] }
        if (long && long.sum === entry[13]) long.parts.unshift(longPart(entry))
        else long = undefined
      } else {
        const name = long && long.sum === checksum(entry) ? long.parts.join('').replace(/\0.*$/s, '') : shortName(entry)
        long = undefined
        if ((kind & attributes.label) !== 0 || name === '.' || name === '..' || name === '') continue
        yield { name: textOfName(Buffer.from(name)), id, node: nodeOf(entry, id) }
      }
    }
  }

  async *content(file: FileNode): AsyncGenerator<Uint8Array> {
    const first = await this.#firstCluster(file.id)
    const runs: Run[] = []
    for await (const run of this.#chain(first, file.size)) runs.push(run)
    const held = runs.reduce((sum, { length }) => sum + length, 0)
    if (held < file.size) throw this.#damaged('the chain of a file is shorter than the file')
    yield* readRuns(this.#device, runs, file.size)
  }

  target(): Promise<string> {
    return Promise.reject(this.#damaged('FAT has no links'))
  }

  async #firstCluster(id: number): Promise<number> {
    const entry = await this.#device.read(id, 32)
    const high = this.#layout.bits === 32 ? entry.readUInt16LE(20) : 0
    return high * 65_536 + entry.readUInt16LE(26)
  }

  async *#entries({ id }: FileNode): AsyncGenerator<{ entry: Buffer; id: number }> {
    const { rootStart, rootSize, rootCluster, bits, clusterSize } = this.#layout
    const within = function* (bytes: Buffer, start: number): Generator<{ entry: Buffer; id: number }> {
      for (let at = 0; at + 32 <= bytes.length; at += 32) yield { entry: bytes.subarray(at, at + 32), id: start + at }
    }
    if (id === rootId && bits !== 32) {
      yield* within(await this.#device.read(rootStart, rootSize), rootStart)
      return
    }
    const first = id === rootId ? rootCluster : await this.#firstCluster(id)
    for await (const { start = 0, length } of this.#chain(first, Number.MAX_SAFE_INTEGER)) {
      for (let at = 0; at < length; at += clusterSize) {
        yield* within(await this.#device.read(start + at, clusterSize), start + at)
      }
    }
  }

  /** Clusters of a file from the table, neighbours joined. A chain that is longer than the volume goes round in circles. */
  async *#chain(first: number, size: number): AsyncGenerator<Run> {
    const { clusterSize, clusters, dataStart } = this.#layout
    const most = Math.min(clusters, Math.ceil(size / clusterSize))
    let open: { offset: number; length: number; start: number } | undefined
    let cluster = first
    for (let count = 0; cluster >= 2 && cluster < clusters + 2; count++) {
      if (count >= most) {
        if (size === Number.MAX_SAFE_INTEGER) throw this.#damaged('a chain of clusters goes round in circles')
        break
      }
      const start = dataStart + (cluster - 2) * clusterSize
      if (open && open.start + open.length === start) open.length += clusterSize
      else {
        if (open) yield open
        open = { offset: count * clusterSize, length: clusterSize, start }
      }
      cluster = await this.#next(cluster)
    }
    if (open) yield open
  }

  async #next(cluster: number): Promise<number> {
    const { bits, fatStart } = this.#layout
    if (bits === 32) return (await this.#device.read(fatStart + cluster * 4, 4)).readUInt32LE(0) & 0xfff_ffff
    if (bits === 16) return (await this.#device.read(fatStart + cluster * 2, 2)).readUInt16LE(0)
    const pair = (await this.#device.read(fatStart + Math.floor(cluster * 1.5), 2)).readUInt16LE(0)
    return cluster % 2 === 0 ? pair & 0xfff : pair >> 4
  }

  #damaged(what: string): Error {
    return fileErrors.damaged({ where: this.#device.where, what })
  }
}

function nodeOf(entry: Buffer, id: number): FileNode {
  const kind = entry[11] ?? 0
  const isDirectory = (kind & attributes.directory) !== 0
  return {
    id,
    kind: isDirectory ? 'directory' : 'file',
    size: isDirectory ? 0 : entry.readUInt32LE(28),
    mode: isDirectory ? 0o755 : (kind & attributes.readOnly) !== 0 ? 0o444 : 0o644,
    modified: timeOf(entry.readUInt16LE(24), entry.readUInt16LE(22)),
    created: timeOf(entry.readUInt16LE(16), entry.readUInt16LE(14)),
    accessed: timeOf(entry.readUInt16LE(18), 0),
  }
}

/** FAT keeps local time without saying which: it is taken as UTC. */
function timeOf(date: number, time: number): number {
  const [year, month, day] = [1980 + (date >> 9), ((date >> 5) & 15) - 1, date & 31]
  return Date.UTC(year, month, day, time >> 11, (time >> 5) & 63, (time & 31) * 2)
}

function longPart(entry: Buffer): string {
  return Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)]).toString('utf16le')
}

/** Binds the parts of a long name to the short name after them. */
function checksum(entry: Buffer): number {
  let sum = 0
  for (const byte of entry.subarray(0, 11)) sum = ((((sum & 1) << 7) | (sum >> 1)) + byte) & 0xff
  return sum
}

function shortName(entry: Buffer): string {
  const [base, extension] = [entry.toString('latin1', 0, 8).trimEnd(), entry.toString('latin1', 8, 11).trimEnd()]
  const lower = entry[12] ?? 0
  // 0x05 stands for 0xe5, which would mean "deleted".
  const real = base.startsWith('\u0005') ? `\u00e5${base.slice(1)}` : base
  const name = (lower & 8) !== 0 ? real.toLowerCase() : real
  const end = (lower & 16) !== 0 ? extension.toLowerCase() : extension
  return end === '' ? name : `${name}.${end}`
}
