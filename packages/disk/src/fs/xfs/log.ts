import type { Device } from '../device.ts'
import type { XfsSpace } from './inode.ts'
import { placeOfBlock } from './superblock.ts'

const recordMagic = 0xfeed_babe
/** The log is written in basic blocks of 512 bytes, each marked with the cycle of its writing. */
const basic = 512
/** Basic blocks of a record with its headers: 256 KiB and 8 headers. */
const longestRecord = 520
const unmountFlag = 0x20

/**
 * Whether the log has nothing to replay: its newest record is that of an unmount. The newest is where the cycle changes, which is found by halving, as
 * the kernel does; so a large log costs a few reads.
 */
export async function logIsClean({ device, superblock }: XfsSpace): Promise<boolean> {
  const block = await device.read(0, basic)
  const start = Number(block.readBigUInt64BE(48))
  const blocks = (block.readUInt32BE(96) * superblock.blockSize) / basic
  // A log of its own on another disk: nothing is known.
  if (start === 0 || blocks < 2) return false
  const log = { device, start: placeOfBlock(superblock, start), blocks }
  try {
    const record = await recordBefore(log, await head(log))
    return record !== undefined && isUnmount(record)
  } catch {
    return false
  }
}

interface LogPlace {
  readonly device: Device
  readonly start: number
  readonly blocks: number
}

/** First block that is of another cycle than the first one: there the next record would begin. */
async function head(log: LogPlace): Promise<number> {
  const first = await cycleOf(log, 0)
  let [low, high] = [0, log.blocks]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if ((await cycleOf(log, middle)) === first) low = middle
    else high = middle
  }
  return high
}

async function cycleOf({ device, start }: LogPlace, block: number): Promise<number> {
  const bytes = await device.read(start + block * basic, 8)
  const mark = bytes.readUInt32BE(0)
  return mark === recordMagic ? bytes.readUInt32BE(4) : mark
}

async function recordBefore({ device, start }: LogPlace, end: number): Promise<Buffer | undefined> {
  for (let block = end - 1; block >= Math.max(0, end - longestRecord); block--) {
    const bytes = await device.read(start + block * basic, 4)
    if (bytes.readUInt32BE(0) === recordMagic) return await device.read(start + block * basic, (end - block) * basic)
  }
  return undefined
}

/** One operation, of which nothing but its flag matters, after one header block for each 32 KiB that a record may have. */
function isUnmount(record: Buffer): boolean {
  const size = record.readUInt32BE(320)
  const headers = (record.readUInt32BE(8) & 2) !== 0 ? Math.max(1, Math.ceil(size / 32_768)) : 1
  return record.readUInt32BE(40) === 1 && ((record[headers * basic + 9] ?? 0) & unmountFlag) !== 0
}
