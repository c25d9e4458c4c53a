import { fileErrors } from '../errors.ts'
import type { Device } from '../device.ts'
import { textOfName, type FileKind, type FileNode, type FileSystemReader, type NamedNode } from '../model.ts'
import { readRuns, wholeOf, type Run } from '../runs.ts'
import { readCompressed } from './compressed.ts'
import { indexEntries } from './index-entries.ts'
import { attributesOf, decodeRuns, fixUp, types, type Attribute, type NtfsSpace } from './record.ts'

const rootRecord = 5
const attributeFlags = { compressed: 0xff, encrypted: 0x4000 } as const
const fileFlags = { readOnly: 0x1, directory: 0x1000_0000, reparse: 0x400 } as const
const reparseTags = {
  mountPoint: 0xa000_0003,
  symbolicLink: 0xa000_000c,
  wof: 0x8000_0017,
  dedup: 0x8000_0013,
} as const
/** Records that one file may be spread over. */
const mostPieces = 20_000

export function isNtfs(start: Buffer): boolean {
  return start.toString('latin1', 3, 11) === 'NTFS    '
}

/** NTFS, read only, without its log. @throws file.damaged */
export async function openNtfs(device: Device): Promise<FileSystemReader> {
  const boot = await device.read(0, 512)
  const sector = boot.readUInt16LE(11)
  const per = boot[13] ?? 0
  const clusterSize = sector * (per > 0x80 ? 2 ** (256 - per) : per)
  const sizeOf = (value: number): number => (value < 0 ? 2 ** -value : value * clusterSize)
  const [recordSize, indexSize] = [sizeOf(boot.readInt8(64)), sizeOf(boot.readInt8(68))]
  const isPower = (value: number, least: number, most: number): boolean =>
    value >= least && value <= most && Number.isInteger(Math.log2(value))
  if (!isPower(clusterSize, 512, 2 ** 21) || !isPower(recordSize, 512, 65_536) || !isPower(indexSize, 512, 2 ** 21)) {
    throw fileErrors.damaged({ where: device.where, what: 'its boot sector has impossible sizes' })
  }
  const space = { device, clusterSize, recordSize, indexSize }
  const serial = boot.readBigUInt64LE(72).toString(16).padStart(16, '0').toUpperCase()
  const ntfs = new Ntfs(space, {
    table: Number(boot.readBigUInt64LE(48)) * clusterSize,
    size: Number(boot.readBigUInt64LE(40)) * sector,
    uuid: serial,
  })
  await ntfs.open()
  return ntfs
}

interface NtfsRecord {
  readonly attributes: readonly Attribute[]
  readonly isDirectory: boolean
}

class Ntfs implements FileSystemReader {
  readonly kind = 'ntfs'
  readonly name = 'NTFS'
  readonly ignoresCase = true
  readonly root = rootRecord
  readonly warnings: readonly string[] = []
  readonly uuid: string
  readonly size: number
  label = ''
  readonly #space: NtfsSpace
  /** Where the table of all files is. */
  #table: readonly Run[]

  constructor(space: NtfsSpace, { table, size, uuid }: { table: number; size: number; uuid: string }) {
    this.#space = space
    this.size = size
    this.uuid = uuid
    this.#table = [{ offset: 0, length: space.recordSize * 16, start: table }]
  }

  async open(): Promise<void> {
    const table = await this.#record(0)
    this.#table = [...this.#runsOf(piecesOf(table.attributes, types.data))]
    const volume = await this.#record(3)
    const name = volume.attributes.find(({ type }) => type === types.volumeName)?.value
    this.label = name?.toString('utf16le') ?? ''
  }

  async node(id: number): Promise<FileNode> {
    const { attributes, isDirectory } = await this.#record(id)
    const standard = attributes.find(({ type }) => type === types.standard)?.value
    const data = piecesOf(attributes, types.data)
    const reparse = attributes.find(({ type }) => type === types.reparse)
    const link = reparse && (await this.#reparse(reparse))
    const kind: FileKind = isLink(link?.tag) ? 'link' : isDirectory ? 'directory' : 'file'
    const flags = standard && standard.length >= 36 ? standard.readUInt32LE(32) : 0
    return {
      id,
      kind,
      size: data[0]?.size ?? 0,
      mode: modeOf(flags, kind),
      ...(standard &&
        standard.length >= 32 && {
          created: timeOf(standard, 0),
          modified: timeOf(standard, 8),
          accessed: timeOf(standard, 24),
        }),
    }
  }

  async *names(directory: FileNode): AsyncGenerator<NamedNode> {
    const { attributes, isDirectory } = await this.#record(directory.id)
    if (!isDirectory) throw this.#damaged(`record ${directory.id} is no directory`)
    const index = (type: number): Attribute[] => piecesOf(attributes, type, '$I30')
    const [root] = index(types.indexRoot)
    if (!root?.value) throw this.#damaged('a directory has no index')
    const allocation = index(types.indexAllocation)
    const [bitmap] = index(types.bitmap)
    const used = bitmap && (bitmap.value ?? (await this.#whole([bitmap], 16 * 1024 * 1024)))
    const runs = allocation.length === 0 ? [] : [...this.#runsOf(allocation)]
    const blocks = { runs, size: allocation[0]?.size ?? 0, used }
    for await (const key of indexEntries(this.#space, root.value, blocks)) {
      const nameSpace = key.bytes[65]
      // 2: a second, short name for DOS. Records below 16 are the file system's own.
      if (nameSpace === 2 || key.id < 16) continue
      const length = (key.bytes[64] ?? 0) * 2
      if (66 + length > key.bytes.length) throw this.#damaged('a directory has a name that does not fit')
      const name = textOfName(Buffer.from(key.bytes.toString('utf16le', 66, 66 + length)))
      const flags = key.bytes.readUInt32LE(56)
      const isDirectoryToo = (flags & fileFlags.directory) !== 0
      const kind = isDirectoryToo ? 'directory' : 'file'
      const node: FileNode = {
        id: key.id,
        kind,
        size: isDirectoryToo ? 0 : Number(key.bytes.readBigUInt64LE(48)),
        mode: modeOf(flags, kind),
        created: timeOf(key.bytes, 8),
        modified: timeOf(key.bytes, 16),
        accessed: timeOf(key.bytes, 32),
      }
      // Whether it is a link is in its record only.
      yield (flags & fileFlags.reparse) === 0 ? { name, id: key.id, node } : { name, id: key.id }
    }
  }

  async *content(file: FileNode): AsyncGenerator<Uint8Array> {
    const { attributes } = await this.#record(file.id)
    const reparse = attributes.find(({ type }) => type === types.reparse)
    const tag = reparse && (await this.#reparse(reparse)).tag
    if (tag === reparseTags.wof || tag === reparseTags.dedup) {
      const what = tag === reparseTags.wof ? 'a file that Windows compressed ("CompactOS")' : 'a deduplicated file'
      throw fileErrors.unsupported({ where: this.#space.device.where, what })
    }
    const data = piecesOf(attributes, types.data)
    const [first] = data
    if (!first) return
    if ((first.flags & attributeFlags.encrypted) !== 0) {
      throw fileErrors.unsupported({ where: this.#space.device.where, what: 'a file encrypted by Windows (EFS)' })
    }
    if (first.value) yield first.value
    else if ((first.flags & attributeFlags.compressed) !== 0 && first.unit > 0) {
      yield* readCompressed(this.#space, this.#runsOf(data), first)
    } else yield* this.#plain(data, first)
  }

  async target(link: FileNode): Promise<string> {
    const { attributes } = await this.#record(link.id)
    const reparse = attributes.find(({ type }) => type === types.reparse)
    const { tag, bytes } = reparse ? await this.#reparse(reparse) : { tag: 0, bytes: Buffer.alloc(0) }
    const head = tag === reparseTags.symbolicLink ? 20 : 16
    if (bytes.length < head) throw this.#damaged('a link has no target')
    const at = head + bytes.readUInt16LE(12)
    return bytes
      .toString('utf16le', at, at + bytes.readUInt16LE(14))
      .replace(/^\\\?\?\\/, '')
      .replaceAll('\\', '/')
  }

  async *#plain(data: readonly Attribute[], { size, initialized }: Attribute): AsyncGenerator<Uint8Array> {
    const runs = this.#runsOf(data)
    if (initialized >= size) {
      yield* readRuns(this.#space.device, runs, size)
      return
    }
    // What was never written holds what was there before, which is nobody's to see.
    yield* readRuns(this.#space.device, runs, initialized)
    yield* readRuns(this.#space.device, [], size - initialized)
  }

  *#runsOf(pieces: readonly Attribute[]): Generator<Run> {
    const { device, clusterSize } = this.#space
    for (const piece of pieces) yield* decodeRuns(device.where, piece, clusterSize)
  }

  async #whole(pieces: readonly Attribute[], limit: number): Promise<Buffer> {
    const [first] = pieces
    if (!first) return Buffer.alloc(0)
    if (first.value) return first.value
    const size = Math.min(first.size, limit)
    return await wholeOf(readRuns(this.#space.device, this.#runsOf(pieces), size), size)
  }

  async #reparse(attribute: Attribute): Promise<{ tag: number; bytes: Buffer }> {
    const bytes = await this.#whole([attribute], 16_384)
    return { tag: bytes.length >= 8 ? bytes.readUInt32LE(0) : 0, bytes }
  }

  /** A record with all its attributes, also those that have no room in it. */
  async #record(id: number): Promise<NtfsRecord> {
    const base = await this.#load(id)
    const { where } = this.#space.device
    if ((base.readUInt16LE(22) & 1) === 0) throw this.#damaged(`record ${id} is not in use`)
    const attributes = [...attributesOf(where, base)]
    const list = attributes.find(({ type }) => type === types.list)
    const isDirectory = (base.readUInt16LE(22) & 2) !== 0
    if (!list) return { attributes, isDirectory }
    const others = new Set<number>()
    const bytes = await this.#whole([list], 4 * 1024 * 1024)
    for (let at = 0; at + 26 <= bytes.length;) {
      const length = bytes.readUInt16LE(at + 4)
      if (length < 26) break
      const other = recordOf(bytes, at + 16)
      if (other !== id) others.add(other)
      at += length
    }
    if (others.size > mostPieces) throw this.#damaged(`record ${id} is in too many pieces`)
    for (const other of others) attributes.push(...attributesOf(where, await this.#load(other)))
    return { attributes, isDirectory }
  }

  async #load(id: number): Promise<Buffer> {
    const { device, recordSize } = this.#space
    const offset = id * recordSize
    const run = this.#table.find((one) => offset >= one.offset && offset < one.offset + one.length)
    if (run?.start === undefined) throw this.#damaged(`there is no record ${id}`)
    return fixUp(device.where, await device.read(run.start + offset - run.offset, recordSize), 'FILE')
  }

  #damaged(what: string): Error {
    return fileErrors.damaged({ where: this.#space.device.where, what })
  }
}

/** Number of a record in a reference; its upper 16 bits say how often the record was used again. */
export function recordOf(bytes: Buffer, at: number): number {
  return bytes.readUIntLE(at, 6)
}

/** All pieces of one attribute in the order of their clusters. */
function piecesOf(attributes: readonly Attribute[], type: number, name = ''): Attribute[] {
  return attributes
    .filter((one) => one.type === type && one.name === name)
    .sort((a, b) => a.firstCluster - b.firstCluster)
}

function isLink(tag: number | undefined): boolean {
  return tag === reparseTags.symbolicLink || tag === reparseTags.mountPoint
}

/** Windows' rights have no like on other systems; only "read only" is taken over. */
function modeOf(flags: number, kind: FileKind): number {
  const all = kind === 'file' ? 0o644 : 0o755
  return kind === 'file' && (flags & fileFlags.readOnly) !== 0 ? all & 0o555 : all
}

/** Epoch milliseconds of a count of 100 ns since 1601. */
function timeOf(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at) / 10_000n) - 11_644_473_600_000
}
