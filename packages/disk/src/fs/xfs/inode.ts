import { fileErrors } from '../errors.ts'
import type { Device } from '../device.ts'
import { bounds, kindOfMode, type FileNode } from '../model.ts'
import type { Run } from '../runs.ts'
import { placeOfBlock, placeOfInode, type XfsSuperblock } from './superblock.ts'

export type Fork = 'device' | 'local' | 'extents' | 'btree'
const forks: readonly (Fork | undefined)[] = ['device', 'local', 'extents', 'btree']
const flags2 = { bigTime: 8, manyExtents: 0x10 } as const

/** An inode with its data fork, as it stands on the disk. */
export interface XfsInode {
  readonly node: FileNode
  readonly fork: Fork
  /** Bytes of the data fork. */
  readonly data: Buffer
  readonly extents: number
  /** Content that lies on the real-time device, which is another disk. */
  readonly realTime: boolean
}

export interface XfsSpace {
  readonly device: Device
  readonly superblock: XfsSuperblock
}

/** @throws file.damaged */
export async function readInode({ device, superblock }: XfsSpace, id: number): Promise<XfsInode> {
  const { where } = device
  const broken = (what: string): Error => fileErrors.damaged({ where, what })
  if (!Number.isSafeInteger(id) || id <= 0) throw broken(`there is no inode ${id}`)
  const raw = await device.read(placeOfInode(superblock, id), superblock.inodeSize)
  if (raw.readUInt16BE(0) !== 0x494e) throw broken(`there is no inode ${id}`)
  const version = raw[4] ?? 0
  const fork = forks[raw[5] ?? 0]
  const coreSize = version === 3 ? 176 : 100
  const attributes = (raw[82] ?? 0) * 8
  const forkEnd = attributes > 0 ? coreSize + attributes : raw.length
  if (fork === undefined || forkEnd > raw.length) throw broken(`inode ${id} has an impossible form`)
  const more = version === 3 ? Number(raw.readBigUInt64BE(120) & 0xffn) : 0
  const time = (at: number): number => timeOf(raw, at, (more & flags2.bigTime) !== 0)
  const mode = raw.readUInt16BE(2)
  const size = Number(raw.readBigUInt64BE(56))
  if (!Number.isSafeInteger(size)) throw broken(`inode ${id} has an impossible size`)
  const node: FileNode = {
    id,
    kind: kindOfMode(mode),
    size,
    mode: mode & 0o7777,
    uid: raw.readUInt32BE(8),
    gid: raw.readUInt32BE(12),
    accessed: time(32),
    modified: time(40),
    ...(version === 3 && { created: time(144) }),
  }
  const extents = (more & flags2.manyExtents) !== 0 ? Number(raw.readBigUInt64BE(24)) : raw.readUInt32BE(76)
  return { node, fork, data: raw.subarray(coreSize, forkEnd), extents, realTime: (raw.readUInt16BE(90) & 1) !== 0 }
}

/** Runs of the data fork of an inode. @throws file.damaged */
export async function* inodeRuns(space: XfsSpace, inode: XfsInode): AsyncGenerator<Run> {
  if (inode.fork === 'extents') {
    if (inode.extents * 16 > inode.data.length) throw damaged(space, 'an inode has more extents than room')
    yield* records(space, inode.data, inode.extents)
  } else if (inode.fork === 'btree') yield* rootOfTree(space, inode.data)
}

async function* rootOfTree(space: XfsSpace, data: Buffer): AsyncGenerator<Run> {
  const level = data.readUInt16BE(0)
  const count = data.readUInt16BE(2)
  const room = Math.floor((data.length - 4) / 16)
  if (level === 0 || level > bounds.treeDepth || count > room)
    throw damaged(space, 'a tree of extents has an impossible root')
  for (let entry = 0; entry < count; entry++) {
    const child = Number(data.readBigUInt64BE(4 + room * 8 + entry * 8))
    yield* treeBlock(space, child, level - 1)
  }
}

async function* treeBlock(space: XfsSpace, block: number, level: number): AsyncGenerator<Run> {
  const { device, superblock } = space
  const { blockSize, version } = superblock
  const bytes = await device.read(placeOfBlock(superblock, block), blockSize)
  const header = version === 5 ? 72 : 24
  const count = bytes.readUInt16BE(6)
  const mark = bytes.toString('latin1', 0, 4)
  // Each level is one lower than the one above: no loop is possible.
  if (mark !== (version === 5 ? 'BMA3' : 'BMAP') || bytes.readUInt16BE(4) !== level) {
    throw damaged(space, 'a tree of extents has a wrong block')
  }
  const room = Math.floor((blockSize - header) / 16)
  if (count > room) throw damaged(space, 'a tree of extents has more entries than room')
  if (level === 0) {
    yield* records(space, bytes.subarray(header), count)
    return
  }
  for (let entry = 0; entry < count; entry++) {
    yield* treeBlock(space, Number(bytes.readBigUInt64BE(header + room * 8 + entry * 8)), level - 1)
  }
}

/** Extent records: 1 bit unwritten, 54 bits offset, 52 bits block, 21 bits count. */
function* records({ superblock }: XfsSpace, bytes: Buffer, count: number): Generator<Run> {
  const { blockSize } = superblock
  for (let at = 0; at < count * 16; at += 16) {
    const high = bytes.readBigUInt64BE(at)
    const low = bytes.readBigUInt64BE(at + 8)
    const offset = Number((high >> 9n) & 0x3f_ffff_ffff_ffffn)
    const block = Number(((high & 0x1ffn) << 43n) | (low >> 21n))
    yield {
      offset: offset * blockSize,
      length: Number(low & 0x1f_ffffn) * blockSize,
      start: high >> 63n === 1n ? undefined : placeOfBlock(superblock, block),
    }
  }
}

function timeOf(raw: Buffer, at: number, isBig: boolean): number {
  // Nanoseconds since the smallest 32-bit time.
  if (isBig) return Number(raw.readBigUInt64BE(at) / 1_000_000n) - 2 ** 31 * 1000
  return raw.readInt32BE(at) * 1000 + Math.floor(raw.readUInt32BE(at + 4) / 1e6)
}

function damaged({ device: { where } }: XfsSpace, what: string): Error {
  return fileErrors.damaged({ where, what })
}
