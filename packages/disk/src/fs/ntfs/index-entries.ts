import { fileErrors } from '../errors.ts'
import { bounds } from '../model.ts'
import type { Run } from '../runs.ts'
import { fixUp, type NtfsSpace } from './record.ts'

/** A name in an index, with the attribute `$FILE_NAME` as its key. */
export interface IndexKey {
  readonly id: number
  readonly bytes: Buffer
}

interface Blocks {
  readonly runs: readonly Run[]
  readonly size: number
  /** One bit for each block that is in use. */
  readonly used: Buffer | undefined
}

/** All names of a directory: those in its record, and those in blocks, one block after the other. The order of the tree is not needed. */
export async function* indexEntries(space: NtfsSpace, root: Buffer, blocks: Blocks): AsyncGenerator<IndexKey> {
  const { device } = space
  const broken = (what: string): Error => fileErrors.damaged({ where: device.where, what })
  if (root.length < 32) throw broken('a directory has no index')
  const indexSize = root.readUInt32LE(8)
  let count = 0
  for (const key of keysOf(root.subarray(16), broken)) {
    count++
    yield key
  }
  if (blocks.size === 0) return
  if (indexSize < 512 || indexSize > 2 ** 21 || indexSize % 512 !== 0) throw broken('a directory has impossible blocks')
  for (let number = 0; (number + 1) * indexSize <= blocks.size; number++) {
    if (blocks.used && ((blocks.used[number >> 3] ?? 0) & (1 << (number & 7))) === 0) continue
    const block = fixUp(
      device.where,
      await readAt(space, blocks.runs, { offset: number * indexSize, length: indexSize }),
      'INDX',
    )
    for (const key of keysOf(block.subarray(24), broken)) {
      if (++count > bounds.names) {
        throw fileErrors.too_many({ where: device.where, what: 'names in a directory', limit: bounds.names })
      }
      yield key
    }
  }
}

/** Keys of one node: entries until the one that is marked as last. */
function* keysOf(node: Buffer, broken: (what: string) => Error): Generator<IndexKey> {
  const end = Math.min(node.readUInt32LE(4), node.length)
  for (let at = node.readUInt32LE(0); at + 16 <= end;) {
    const length = node.readUInt16LE(at + 8)
    const keyLength = node.readUInt16LE(at + 10)
    if ((node.readUInt16LE(at + 12) & 2) !== 0) return
    if (length < 16 + keyLength || keyLength < 66 || at + length > end) {
      throw broken('a directory has a name that does not fit')
    }
    yield { id: node.readUIntLE(at, 6), bytes: node.subarray(at + 16, at + 16 + keyLength) }
    at += length
  }
}

async function readAt(
  { device }: NtfsSpace,
  runs: readonly Run[],
  { offset, length }: { offset: number; length: number },
): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let at = offset; at < offset + length;) {
    const run = runs.find((one) => at >= one.offset && at < one.offset + one.length)
    if (run?.start === undefined) {
      throw fileErrors.damaged({ where: device.where, what: 'the index of a directory has a hole' })
    }
    const some = Math.min(offset + length, run.offset + run.length) - at
    parts.push(await device.read(run.start + at - run.offset, some))
    at += some
  }
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
}
