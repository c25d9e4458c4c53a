import { fileErrors } from '../errors.ts'
import type { Device } from '../device.ts'
import { bounds, kindOfMode, textOfName, type FileNode, type FileSystemReader, type NamedNode } from '../model.ts'
import { readRuns, wholeOf, type Run } from '../runs.ts'
import { extentRuns, mappedRuns } from './extents.ts'
import { readJournal, replayed } from './journal.ts'
import { hasSuperblock, incompat, readSuperblock, type Superblock } from './superblock.ts'

const inodeFlags = { compressed: 0x4, encrypted: 0x800, extents: 0x8_0000, inline: 0x1000_0000 } as const
const rootInode = 2
/** Bytes of `i_block`. */
const mapSize = 60

interface Inode {
  readonly node: FileNode
  readonly flags: number
  readonly map: Buffer
  readonly raw: Buffer
}

/** ext2, ext3, ext4. What the journal holds is taken into account. @throws file.damaged, file.unsupported */
export async function openExt(device: Device): Promise<FileSystemReader> {
  const superblock = await readSuperblock(device)
  const plain = new Ext(device, superblock, [])
  if ((superblock.incompatible & incompat.recover) === 0 || superblock.journal === 0) return plain
  try {
    const { runs, size } = await plain.journalRuns(superblock.journal)
    const replay = await readJournal(device, runs, { blockSize: superblock.blockSize, size })
    const said = `It was in use: ${replay.transactions} transactions of its journal are taken into account.`
    // A superblock is in the journal as well, and nothing that matters for reading changes in it.
    return new Ext(replayed(device, replay, superblock.blockSize), superblock, [said])
  } catch {
    return new Ext(device, superblock, ['It was in use and its journal cannot be read: newest changes may be missing.'])
  }
}

class Ext implements FileSystemReader {
  readonly kind = 'ext'
  readonly ignoresCase = false
  readonly root = rootInode
  readonly name: string
  readonly label: string
  readonly uuid: string
  readonly size: number
  readonly free: number
  readonly warnings: readonly string[]
  readonly #device: Device
  readonly #super: Superblock
  /** Block of the inode table, group by group, as they were asked for. */
  readonly #tables = new Map<number, number>()

  constructor(device: Device, superblock: Superblock, warnings: readonly string[]) {
    this.#device = device
    this.#super = superblock
    this.warnings = warnings
    const { label, uuid, blocks, blockSize, freeBlocks, incompatible, compatible } = superblock
    this.name = (incompatible & incompat.extents) !== 0 ? 'ext4' : (compatible & 0x4) !== 0 ? 'ext3' : 'ext2'
    this.label = label
    this.uuid = uuid
    this.size = blocks * blockSize
    this.free = freeBlocks * blockSize
  }

  async node(id: number): Promise<FileNode> {
    return (await this.#inode(id)).node
  }

  /** Place of the journal. */
  async journalRuns(id: number): Promise<{ runs: Run[]; size: number }> {
    const inode = await this.#inode(id)
    const runs: Run[] = []
    for await (const run of this.#runs(inode)) {
      runs.push(run)
      if (runs.length > 10_000) throw this.#damaged('its journal is in too many pieces')
    }
    return { runs, size: inode.node.size }
  }

  async *names(directory: FileNode): AsyncGenerator<NamedNode> {
    const inode = await this.#inode(directory.id)
    if (inode.node.kind !== 'directory') throw this.#damaged(`inode ${directory.id} is no directory`)
    let count = 0
    for await (const entry of this.#entries(inode)) {
      if (++count > bounds.names) {
        throw fileErrors.too_many({ where: this.#device.where, what: 'names in a directory', limit: bounds.names })
      }
      yield entry
    }
  }

  async *content(file: FileNode): AsyncGenerator<Uint8Array> {
    const inode = await this.#inode(file.id)
    if ((inode.flags & (inodeFlags.encrypted | inodeFlags.compressed)) !== 0) {
      throw fileErrors.unsupported({ where: this.#device.where, what: 'a file that the file system encrypts' })
    }
    if ((inode.flags & inodeFlags.inline) !== 0) {
      yield this.#inline(inode)
      return
    }
    yield* readRuns(this.#device, this.#runs(inode), inode.node.size)
  }

  async target(link: FileNode): Promise<string> {
    const inode = await this.#inode(link.id)
    const { size } = inode.node
    // Short ones are in the inode itself, where blocks of others are named.
    if (size < mapSize && (inode.flags & (inodeFlags.extents | inodeFlags.inline)) === 0) {
      return inode.map.toString('utf8', 0, size)
    }
    if ((inode.flags & inodeFlags.inline) !== 0) return this.#inline(inode).toString('utf8')
    return (await wholeOf(this.content(link), Math.min(size, 4096))).toString('utf8')
  }

  #runs({ flags, map, node }: Inode): AsyncIterable<Run> {
    const space = { device: this.#device, blockSize: this.#super.blockSize }
    return (flags & inodeFlags.extents) !== 0 ? extentRuns(space, map) : mappedRuns(space, map, node.size)
  }

  async *#entries(inode: Inode): AsyncGenerator<NamedNode> {
    if ((inode.flags & inodeFlags.inline) !== 0) {
      // The parent's number stands before the names.
      yield* this.#block(inode.map.subarray(4))
      const more = this.#inline(inode).subarray(mapSize)
      if (more.length > 0) yield* this.#block(more)
      return
    }
    const { blockSize } = this.#super
    for await (const part of readRuns(this.#device, this.#runs(inode), inode.node.size)) {
      // Pieces are of 1 MiB, which is a multiple of each block size; the last one may end anywhere.
      const buffer = Buffer.from(part.buffer, part.byteOffset, part.length)
      for (let at = 0; at < buffer.length; at += blockSize) yield* this.#block(buffer.subarray(at, at + blockSize))
    }
  }

  /** Names in one block. Blocks of the hash tree look like one empty name. */
  *#block(block: Buffer): Generator<NamedNode> {
    for (let at = 0; at + 8 <= block.length;) {
      const id = block.readUInt32LE(at)
      const said = block.readUInt16LE(at + 4)
      // A block of 64 KiB has no other way to say its length.
      const length = said === 0 || said === 0xffff ? 65_536 : said
      const nameLength = block[at + 6] ?? 0
      if (length < 8 || length % 4 !== 0 || at + length > block.length || nameLength + 8 > length) {
        // The end of a block that is cut (inline names) is filled with zeros.
        if (said === 0 && block.length < 1024) return
        throw this.#damaged('a directory has a name that does not fit')
      }
      const name = block.subarray(at + 8, at + 8 + nameLength)
      at += length
      if (id === 0 || nameLength === 0) continue
      const text = textOfName(name)
      if (text !== '.' && text !== '..') yield { name: text, id }
    }
  }

  /** Data inside of the inode: in `i_block`, and what has no room there in the extended attribute `system.data`. */
  #inline({ map, raw, node }: Inode): Buffer {
    const more = attributeOf(raw)
    return Buffer.concat([map, more]).subarray(0, node.size)
  }

  async #inode(id: number): Promise<Inode> {
    const { inodes, inodesPerGroup, inodeSize, blockSize } = this.#super
    if (!Number.isInteger(id) || id < 1 || id > inodes) throw this.#damaged(`there is no inode ${id}`)
    const group = Math.floor((id - 1) / inodesPerGroup)
    const table = await this.#table(group)
    const raw = await this.#device.read(table * blockSize + ((id - 1) % inodesPerGroup) * inodeSize, inodeSize)
    const mode = raw.readUInt16LE(0)
    const kind = kindOfMode(mode)
    const high = kind === 'file' || kind === 'directory' ? raw.readUInt32LE(108) : 0
    const size = raw.readUInt32LE(4) + high * 2 ** 32
    if (!Number.isSafeInteger(size)) throw this.#damaged(`inode ${id} has an impossible size`)
    const extra = inodeSize > 128 ? raw.readUInt16LE(128) : 0
    const time = (at: number, more: number): number => timeOf(raw, at, more < 128 + extra ? more : undefined)
    const node: FileNode = {
      id,
      kind,
      size,
      mode: mode & 0o7777,
      uid: raw.readUInt16LE(2) + raw.readUInt16LE(120) * 65_536,
      gid: raw.readUInt16LE(24) + raw.readUInt16LE(122) * 65_536,
      accessed: time(8, 140),
      modified: time(16, 136),
      ...(extra >= 24 && { created: timeOf(raw, 144, 148) }),
    }
    return { node, flags: raw.readUInt32LE(32), map: raw.subarray(40, 100), raw }
  }

  async #table(group: number): Promise<number> {
    const known = this.#tables.get(group)
    if (known !== undefined) return known
    const { descriptorSize } = this.#super
    const bytes = await this.#device.read(this.#descriptorPlace(group), descriptorSize)
    const table = bytes.readUInt32LE(8) + (descriptorSize >= 64 ? bytes.readUInt32LE(0x28) * 2 ** 32 : 0)
    this.#tables.set(group, table)
    return table
  }

  /** Byte of a group's descriptor: all after the superblock, or, with meta groups, each part in its own. */
  #descriptorPlace(group: number): number {
    const { firstDataBlock, blockSize, descriptorSize, incompatible, firstMetaGroup, blocksPerGroup } = this.#super
    const perBlock = Math.floor(blockSize / descriptorSize)
    const meta = Math.floor(group / perBlock)
    const inBlock = (group % perBlock) * descriptorSize
    if ((incompatible & incompat.metaGroups) === 0 || meta < firstMetaGroup) {
      return (firstDataBlock + 1 + meta) * blockSize + inBlock
    }
    const first = meta * perBlock
    const after = hasSuperblock(this.#super, first) ? 1 : 0
    return (firstDataBlock + first * blocksPerGroup + after) * blockSize + inBlock
  }

  #damaged(what: string): Error {
    return fileErrors.damaged({ where: this.#device.where, what })
  }
}

/** Value of the attribute `system.data` in the rest of an inode; empty when there is none. */
function attributeOf(raw: Buffer): Buffer {
  const none = Buffer.alloc(0)
  if (raw.length <= 132) return none
  const start = 128 + raw.readUInt16LE(128)
  if (start + 4 > raw.length || raw.readUInt32LE(start) !== 0xea02_0000) return none
  const first = start + 4
  for (let at = first; at + 16 <= raw.length && raw.readUInt32LE(at) !== 0;) {
    const nameLength = raw[at] ?? 0
    const name = raw.toString('latin1', at + 16, at + 16 + nameLength)
    if (raw[at + 1] === 7 && name === 'data' && raw.readUInt32LE(at + 4) === 0) {
      const from = first + raw.readUInt16LE(at + 2)
      return raw.subarray(from, from + raw.readUInt32LE(at + 8))
    }
    at += (16 + nameLength + 3) & ~3
  }
  return none
}

/** Epoch milliseconds; the extra field has two more bits of seconds and the nanoseconds. */
function timeOf(raw: Buffer, at: number, extraAt: number | undefined): number {
  const extra = extraAt === undefined || extraAt + 4 > raw.length ? 0 : raw.readUInt32LE(extraAt)
  return (raw.readInt32LE(at) + (extra & 3) * 2 ** 32) * 1000 + Math.floor((extra >>> 2) / 1e6)
}
