import { checkRange, type Device } from '../device.ts'
import type { Run } from '../runs.ts'

// jbd2 ("Journal (jbd2)", Linux kernel documentation): everything is big-endian.
const magic = 0xc03b3998
const kinds = { descriptor: 1, commit: 2, superblock1: 3, superblock2: 4, revoke: 5 } as const
const incompat = { bits64: 0x2, checksum2: 0x8, checksum3: 0x10 } as const
const flags = { escape: 1, sameUuid: 2, last: 8 } as const
const headerSize = 12
/** Blocks of a journal that are looked at; the largest that mke2fs makes has 1 GiB. */
const mostBlocks = 1_048_576

/** Where the newest content of a block is: the block's number → a place on the device. */
export interface Replay {
  readonly blocks: ReadonlyMap<number, { readonly at: number; readonly escaped: boolean }>
  readonly transactions: number
}

/**
 * What a journal says that is not written to its place yet: the state that a mount would make. A disk that was frozen while its VM ran is in this
 * state. Only whole transactions count; nothing is written.
 */
export async function readJournal(
  device: Device,
  runs: readonly Run[],
  { blockSize, size }: { blockSize: number; size: number },
): Promise<Replay> {
  const place = (block: number): number | undefined => placeOf(runs, block * blockSize)
  const read = async (block: number): Promise<Buffer> => {
    const at = place(block)
    return at === undefined ? Buffer.alloc(blockSize) : await device.read(at, blockSize)
  }
  const head = await read(0)
  const start = head.readUInt32BE(28)
  const first = head.readUInt32BE(20)
  const length = Math.min(head.readUInt32BE(16), Math.floor(size / blockSize), mostBlocks)
  const isJournal = head.readUInt32BE(0) === magic && head.readUInt32BE(12) === blockSize
  if (!isJournal || start === 0 || first === 0 || first >= length || start >= length) {
    return { blocks: new Map(), transactions: 0 }
  }
  const log = new Log({ features: head.readUInt32BE(4) === kinds.superblock2 ? head.readUInt32BE(40) : 0, place })
  const next = (block: number): number => (block + 1 >= length ? first : block + 1)
  let at = start
  let sequence = head.readUInt32BE(24)
  // Once around at the most.
  for (let seen = 0; seen < length; seen++) {
    const block = await read(at)
    if (block.readUInt32BE(0) !== magic || block.readUInt32BE(8) !== sequence) break
    const kind = block.readUInt32BE(4)
    at = next(at)
    if (kind === kinds.descriptor) {
      for (const tag of log.tags(block)) {
        log.hold(tag, at)
        at = next(at)
        seen++
      }
    } else if (kind === kinds.revoke) log.revoke(block, sequence)
    else if (kind === kinds.commit) {
      log.commit(sequence)
      sequence = (sequence + 1) >>> 0
    } else break
  }
  return log.result()
}

interface Tag {
  readonly block: number
  readonly escaped: boolean
}

class Log {
  readonly #features: number
  readonly #place: (block: number) => number | undefined
  readonly #committed: { tag: Tag; at: number; sequence: number }[] = []
  readonly #revoked = new Map<number, number>()
  #held: { tag: Tag; at: number }[] = []
  #heldRevokes = new Map<number, number>()
  #transactions = 0

  constructor({ features, place }: { features: number; place: (block: number) => number | undefined }) {
    this.#features = features
    this.#place = place
  }

  *tags(block: Buffer): Generator<Tag> {
    const wide = (this.#features & incompat.bits64) !== 0
    const third = (this.#features & incompat.checksum3) !== 0
    const second = (this.#features & incompat.checksum2) !== 0
    const tagSize = third ? 16 : 8 + (wide ? 4 : 0) + (second ? 2 : 0)
    const end = block.length - (second || third ? 4 : 0)
    for (let at = headerSize; at + tagSize <= end;) {
      const flag = third ? block.readUInt32BE(at + 4) : block.readUInt16BE(at + 6)
      const high = wide ? block.readUInt32BE(at + 8) : 0
      yield { block: high * 2 ** 32 + block.readUInt32BE(at), escaped: (flag & flags.escape) !== 0 }
      if ((flag & flags.last) !== 0) return
      at += tagSize + ((flag & flags.sameUuid) !== 0 ? 0 : 16)
    }
  }

  hold(tag: Tag, journalBlock: number): void {
    const at = this.#place(journalBlock)
    if (at !== undefined) this.#held.push({ tag, at })
  }

  revoke(block: Buffer, sequence: number): void {
    const width = (this.#features & incompat.bits64) !== 0 ? 8 : 4
    const end = Math.min(block.readUInt32BE(12), block.length)
    for (let at = 16; at + width <= end; at += width) {
      const number = width === 8 ? Number(block.readBigUInt64BE(at)) : block.readUInt32BE(at)
      this.#heldRevokes.set(number, sequence)
    }
  }

  commit(sequence: number): void {
    for (const one of this.#held) this.#committed.push({ ...one, sequence })
    for (const [block, since] of this.#heldRevokes) this.#revoked.set(block, since)
    this.#held = []
    this.#heldRevokes = new Map()
    this.#transactions++
  }

  result(): Replay {
    const blocks = new Map<number, { at: number; escaped: boolean }>()
    for (const { tag, at, sequence } of this.#committed) {
      const revoked = this.#revoked.get(tag.block)
      // A revoke counts for its own transaction and those before it.
      if (revoked !== undefined && ((revoked - sequence) | 0) >= 0) blocks.delete(tag.block)
      else blocks.set(tag.block, { at, escaped: tag.escaped })
    }
    return { blocks, transactions: this.#transactions }
  }
}

function placeOf(runs: readonly Run[], offset: number): number | undefined {
  const run = runs.find((one) => offset >= one.offset && offset < one.offset + one.length)
  return run?.start === undefined ? undefined : run.start + (offset - run.offset)
}

/** The device as it is after the journal was replayed. */
export function replayed(device: Device, { blocks }: Replay, blockSize: number): Device {
  const overlay: Device = {
    where: device.where,
    size: device.size,
    async read(offset, length) {
      checkRange(overlay, offset, length)
      const bytes = await device.read(offset, length)
      let copy: Buffer | undefined
      for (let block = Math.floor(offset / blockSize); block * blockSize < offset + length; block++) {
        const newer = blocks.get(block)
        if (!newer) continue
        copy ??= Buffer.from(bytes)
        const content = Buffer.from(await device.read(newer.at, blockSize))
        // A block that begins with the journal's magic number is stored with zeros there.
        if (newer.escaped) content.writeUInt32BE(magic, 0)
        const from = Math.max(offset, block * blockSize)
        const to = Math.min(offset + length, (block + 1) * blockSize)
        content.copy(copy, from - offset, from - block * blockSize, to - block * blockSize)
      }
      return copy ?? bytes
    },
  }
  return overlay
}
