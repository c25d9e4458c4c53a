import { fileErrors } from '../errors.ts'
import { bounds, textOfName, type NamedNode } from '../model.ts'
import { inodeRuns, type XfsInode, type XfsSpace } from './inode.ts'

/** Byte of a directory where its index begins; names are before it. */
const indexStart = 32 * 1024 ** 3
const marks = { block4: 'XD2B', data4: 'XD2D', block5: 'XDB3', data5: 'XDD3' } as const

/** Names in a directory: in the inode, in one block, or in blocks of data beside an index that reading does not need. */
export async function* directoryNames(space: XfsSpace, inode: XfsInode): AsyncGenerator<NamedNode> {
  if (inode.fork === 'local') {
    yield* shortNames(space, inode.data)
    return
  }
  const { device, superblock } = space
  const { directoryBlock, blockSize } = superblock
  // Blocks of a directory may be larger than those of the file system, and lie apart.
  const parts = new Map<number, Buffer[]>()
  let count = 0
  for await (const run of inodeRuns(space, inode)) {
    if (run.start === undefined) continue
    for (let at = 0; at < run.length && run.offset + at < indexStart; at += blockSize) {
      const number = Math.floor((run.offset + at) / directoryBlock)
      const held = parts.get(number) ?? []
      held.push(await device.read(run.start + at, blockSize))
      if (held.length * blockSize < directoryBlock) {
        parts.set(number, held)
        continue
      }
      parts.delete(number)
      for (const entry of blockNames(space, held.length === 1 && held[0] ? held[0] : Buffer.concat(held))) {
        if (++count > bounds.names) {
          throw fileErrors.too_many({ where: device.where, what: 'names in a directory', limit: bounds.names })
        }
        yield entry
      }
    }
  }
}

function* shortNames({ device: { where }, superblock: { hasTypes } }: XfsSpace, data: Buffer): Generator<NamedNode> {
  const broken = (): Error => fileErrors.damaged({ where, what: 'a directory has a name that does not fit' })
  const wide = (data[1] ?? 0) > 0
  const width = wide ? 8 : 4
  const count = (wide ? data[1] : data[0]) ?? 0
  for (let entry = 0, at = 2 + width; entry < count; entry++) {
    if (at + 3 > data.length) throw broken()
    const length = data[at] ?? 0
    const after = at + 3 + length + (hasTypes ? 1 : 0)
    if (length === 0 || after + width > data.length) throw broken()
    const id = wide ? Number(data.readBigUInt64BE(after)) : data.readUInt32BE(after)
    yield { name: textOfName(data.subarray(at + 3, at + 3 + length)), id }
    at = after + width
  }
}

function* blockNames({ device: { where }, superblock }: XfsSpace, block: Buffer): Generator<NamedNode> {
  const broken = (what: string): Error => fileErrors.damaged({ where, what })
  const mark = block.toString('latin1', 0, 4)
  const isSingle = mark === marks.block4 || mark === marks.block5
  if (!isSingle && mark !== marks.data4 && mark !== marks.data5)
    throw broken('a directory has a block with a wrong mark')
  const header = mark === marks.block5 || mark === marks.data5 ? 64 : 16
  // A directory of one block has its index at the end.
  const end = isSingle ? block.length - 8 - block.readUInt32BE(block.length - 8) * 8 : block.length
  if (end < header) throw broken('a directory has an index larger than its block')
  for (let at = header; at + 8 <= end;) {
    if (block.readUInt16BE(at) === 0xffff) {
      const length = block.readUInt16BE(at + 2)
      if (length < 8 || length % 8 !== 0) throw broken('a directory has an impossible gap')
      at += length
      continue
    }
    const length = block[at + 8] ?? 0
    const size = (8 + 1 + length + (superblock.hasTypes ? 1 : 0) + 2 + 7) & ~7
    if (length === 0 || at + size > end) throw broken('a directory has a name that does not fit')
    const name = textOfName(block.subarray(at + 9, at + 9 + length))
    if (name !== '.' && name !== '..') yield { name, id: Number(block.readBigUInt64BE(at)) }
    at += size
  }
}
