import { fileErrors } from '../errors.ts'
import type { Device } from '../device.ts'
import { bounds } from '../model.ts'
import type { Run } from '../runs.ts'

const extentMagic = 0xf30a
/** Lengths above it are extents that are reserved and read as zeros. */
const longestWritten = 32_768

interface Space {
  readonly device: Device
  readonly blockSize: number
}

/** Runs of a file with an extent tree (`i_block` is its root). */
export async function* extentRuns(
  space: Space,
  root: Buffer,
  depthLeft: number = bounds.treeDepth,
): AsyncGenerator<Run> {
  const { device, blockSize } = space
  const broken = (what: string): Error => fileErrors.damaged({ where: device.where, what })
  if (root.readUInt16LE(0) !== extentMagic) throw broken('an extent tree has a wrong mark')
  const count = root.readUInt16LE(2)
  const depth = root.readUInt16LE(6)
  if (12 + count * 12 > root.length) throw broken('an extent tree has more entries than room')
  if (depth > depthLeft) throw broken('an extent tree is too deep')
  for (let entry = 0; entry < count; entry++) {
    const at = 12 + entry * 12
    const offset = root.readUInt32LE(at) * blockSize
    if (depth > 0) {
      const child = (root.readUInt32LE(at + 4) + root.readUInt16LE(at + 8) * 2 ** 32) * blockSize
      const block = await device.read(child, blockSize)
      // Each level is one lower than the one above: no loop is possible.
      if (block.readUInt16LE(6) !== depth - 1) throw broken('an extent tree does not get smaller')
      yield* extentRuns(space, block, depth - 1)
      continue
    }
    const length = root.readUInt16LE(at + 4)
    const start = (root.readUInt32LE(at + 8) + root.readUInt16LE(at + 6) * 2 ** 32) * blockSize
    yield length > longestWritten
      ? { offset, length: (length - longestWritten) * blockSize, start: undefined }
      : { offset, length: length * blockSize, start }
  }
}

/** Runs of a file with a block map, as ext2 and ext3 have them: twelve blocks, then blocks of blocks, up to three deep. */
export async function* mappedRuns(space: Space, map: Buffer, size: number): AsyncGenerator<Run> {
  const { blockSize } = space
  const blocks = Math.ceil(size / blockSize)
  let open: { offset: number; length: number; start: number | undefined } | undefined
  for await (const { index, block, count } of mapEntries(space, map, blocks)) {
    const start = block === 0 ? undefined : block * blockSize
    const offset = index * blockSize
    const length = count * blockSize
    const follows =
      open &&
      open.offset + open.length === offset &&
      (open.start === undefined ? start === undefined : start === open.start + open.length)
    if (open && follows) {
      open.length += length
      continue
    }
    if (open) yield open
    open = { offset, length, start }
  }
  if (open) yield open
}

interface MapEntry {
  readonly index: number
  readonly block: number
  readonly count: number
}

async function* mapEntries(space: Space, map: Buffer, blocks: number): AsyncGenerator<MapEntry> {
  for (let index = 0; index < Math.min(12, blocks); index++)
    yield { index, block: map.readUInt32LE(index * 4), count: 1 }
  const per = space.blockSize / 4
  let index = 12
  for (let level = 1; level <= 3 && index < blocks; level++) {
    const block = map.readUInt32LE(44 + level * 4)
    yield* indirect(space, { block, level, index, blocks })
    index += per ** level
  }
}

async function* indirect(
  space: Space,
  { block, level, index, blocks }: { block: number; level: number; index: number; blocks: number },
): AsyncGenerator<MapEntry> {
  const per = space.blockSize / 4
  const under = per ** (level - 1)
  if (block === 0) {
    yield { index, block: 0, count: Math.min(per ** level, blocks - index) }
    return
  }
  const table = await space.device.read(block * space.blockSize, space.blockSize)
  for (let entry = 0; entry < per && index + entry * under < blocks; entry++) {
    const child = table.readUInt32LE(entry * 4)
    const at = index + entry * under
    if (level === 1) yield { index: at, block: child, count: 1 }
    else yield* indirect(space, { block: child, level: level - 1, index: at, blocks })
  }
}
