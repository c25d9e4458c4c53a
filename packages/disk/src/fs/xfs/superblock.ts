import { fileErrors } from '../errors.ts'
import type { Device } from '../device.ts'
import { textTo, uuidOf } from '../ext/superblock.ts'

/** What of an XFS superblock is needed for reading ("XFS Algorithms & Data Structures", 3rd edition). All is big-endian. */
export interface XfsSuperblock {
  readonly version: 4 | 5
  readonly blockSize: number
  readonly blocks: number
  readonly freeBlocks: number
  readonly groupBlocks: number
  readonly groups: number
  /** Bits of a block's number in its group, and of an inode's in its block. */
  readonly groupBits: number
  readonly inodeBits: number
  readonly inodeSize: number
  readonly directoryBlock: number
  readonly root: number
  readonly label: string
  readonly uuid: string
  /** Directories say what each name is. */
  readonly hasTypes: boolean
}

const incompat = { types: 1, needsRepair: 0x10 } as const
/** ftype, sparse inodes, meta uuid, bigtime, needsrepair, 64-bit extent counts, exchange range, parent pointers. */
const known = 0xff

export function isXfs(start: Buffer): boolean {
  return start.toString('latin1', 0, 4) === 'XFSB'
}

/** @throws file.damaged, file.unsupported */
export async function readXfsSuperblock(device: Device): Promise<XfsSuperblock> {
  const { where } = device
  const block = await device.read(0, 512)
  const version = block.readUInt16BE(100) & 0xf
  if (version !== 4 && version !== 5) throw fileErrors.unsupported({ where, what: `XFS of version ${version}` })
  const features = version === 5 ? block.readUInt32BE(216) : 0
  if ((features & ~known) !== 0) {
    throw fileErrors.unsupported({ where, what: `XFS with the features ${(features & ~known).toString(16)}h` })
  }
  const blockSize = block.readUInt32BE(4)
  const directoryBits = block[192] ?? 0
  const superblock: XfsSuperblock = {
    version,
    blockSize,
    blocks: Number(block.readBigUInt64BE(8)),
    freeBlocks: Number(block.readBigUInt64BE(144)),
    groupBlocks: block.readUInt32BE(84),
    groups: block.readUInt32BE(88),
    groupBits: block[124] ?? 0,
    inodeBits: block[123] ?? 0,
    inodeSize: block.readUInt16BE(104),
    directoryBlock: blockSize * 2 ** directoryBits,
    root: Number(block.readBigUInt64BE(56)),
    label: textTo(block.subarray(108, 120)),
    uuid: uuidOf(block.subarray(32, 48)),
    hasTypes: version === 5 ? (features & incompat.types) !== 0 : (block.readUInt32BE(200) & 0x200) !== 0,
  }
  const { inodeSize, groupBlocks, groupBits, inodeBits } = superblock
  const isPower = (value: number): boolean => value > 0 && (value & (value - 1)) === 0
  const fits = isPower(blockSize) && blockSize >= 512 && blockSize <= 65_536 && directoryBits <= 7
  const inodesFit = isPower(inodeSize) && inodeSize >= 256 && inodeSize <= 2048 && blockSize >> inodeBits === inodeSize
  if (!fits || !inodesFit || groupBlocks === 0 || groupBits > 31 || groupBlocks > 2 ** groupBits) {
    throw fileErrors.damaged({ where, what: 'its superblock has impossible sizes' })
  }
  return superblock
}

/** Byte of a block of the file system. */
export function placeOfBlock({ groupBits, groupBlocks, blockSize }: XfsSuperblock, block: number): number {
  const group = Math.floor(block / 2 ** groupBits)
  return (group * groupBlocks + (block % 2 ** groupBits)) * blockSize
}

/** Byte of an inode. */
export function placeOfInode(superblock: XfsSuperblock, inode: number): number {
  const { inodeBits, inodeSize } = superblock
  const block = Math.floor(inode / 2 ** inodeBits)
  return placeOfBlock(superblock, block) + (inode % 2 ** inodeBits) * inodeSize
}
