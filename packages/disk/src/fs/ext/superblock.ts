import { fileErrors } from '../errors.ts'
import type { Device } from '../device.ts'

/** What of an ext2, ext3 or ext4 superblock is needed for reading ("ext4 Data Structures and Algorithms", Linux kernel documentation). */
export interface Superblock {
  readonly blockSize: number
  readonly blocks: number
  readonly freeBlocks: number
  readonly firstDataBlock: number
  readonly blocksPerGroup: number
  readonly inodes: number
  readonly inodesPerGroup: number
  readonly inodeSize: number
  readonly descriptorSize: number
  readonly firstMetaGroup: number
  readonly journal: number
  readonly incompatible: number
  readonly compatible: number
  readonly readOnlyCompatible: number
  readonly label: string
  readonly uuid: string
}

export const incompat = {
  fileType: 0x2,
  recover: 0x4,
  journalDevice: 0x8,
  metaGroups: 0x10,
  extents: 0x40,
  bits64: 0x80,
  inlineData: 0x8000,
} as const
/** compression, casefold do not hinder reading names and plain files; what is unknown does. */
const known =
  0x1 | 0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000
const sparseSuper = 0x1

/** Place of the superblock. */
export const superblockOffset = 1024

/** Whether a device begins with an ext superblock. */
export function isExt(start: Buffer): boolean {
  return start.length >= 2048 && start.readUInt16LE(superblockOffset + 56) === 0xef53
}

/** @throws file.damaged, file.unsupported */
export async function readSuperblock(device: Device): Promise<Superblock> {
  const { where } = device
  const block = await device.read(superblockOffset, 1024)
  const wrong = (what: string): Error => fileErrors.damaged({ where, what })
  const shift = block.readUInt32LE(24)
  if (shift > 6) throw wrong('its blocks have an impossible size')
  const incompatible = block.readUInt32LE(96)
  if ((incompatible & ~known) !== 0 || (incompatible & incompat.journalDevice) !== 0) {
    throw fileErrors.unsupported({ where, what: `ext4 with the features ${(incompatible & ~known).toString(16)}h` })
  }
  const wide = (incompatible & incompat.bits64) !== 0
  const isOld = block.readUInt32LE(76) === 0
  const superblock: Superblock = {
    blockSize: 1024 << shift,
    blocks: block.readUInt32LE(4) + (wide ? block.readUInt32LE(336) * 2 ** 32 : 0),
    freeBlocks: block.readUInt32LE(12) + (wide ? block.readUInt32LE(344) * 2 ** 32 : 0),
    firstDataBlock: block.readUInt32LE(20),
    blocksPerGroup: block.readUInt32LE(32),
    inodes: block.readUInt32LE(0),
    inodesPerGroup: block.readUInt32LE(40),
    inodeSize: isOld ? 128 : block.readUInt16LE(88),
    descriptorSize: wide ? Math.max(32, block.readUInt16LE(254)) : 32,
    firstMetaGroup: block.readUInt32LE(260),
    journal: block.readUInt32LE(224),
    incompatible,
    compatible: block.readUInt32LE(92),
    readOnlyCompatible: block.readUInt32LE(100),
    label: textTo(block.subarray(120, 136)),
    uuid: uuidOf(block.subarray(104, 120)),
  }
  const { inodeSize, blockSize, blocksPerGroup, inodesPerGroup, descriptorSize } = superblock
  if (inodeSize < 128 || inodeSize > blockSize || (inodeSize & (inodeSize - 1)) !== 0) {
    throw wrong('its inodes have an impossible size')
  }
  if (blocksPerGroup === 0 || inodesPerGroup === 0 || descriptorSize > blockSize) {
    throw wrong('its groups have an impossible size')
  }
  return superblock
}

/** Whether a group begins with a copy of the superblock. */
export function hasSuperblock({ readOnlyCompatible }: Superblock, group: number): boolean {
  if ((readOnlyCompatible & sparseSuper) === 0 || group <= 1) return true
  return [3, 5, 7].some((base) => {
    let power = base
    while (power < group) power *= base
    return power === group
  })
}

/** Text up to the first NUL. */
export function textTo(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

/** A UUID as it is written. */
export function uuidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
