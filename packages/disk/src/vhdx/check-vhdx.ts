import { isAppError, MiB, viewOf } from '@nixen/core'
import type { Finding } from '../check.ts'
import type { IoOptions } from '../disk-source.ts'
import type { DiskFile } from '../file.ts'
import { blockState, BlockTable } from './block-table.ts'
import { checksumWithout } from './crc32c.ts'
import { headerOffsets, headerSize, readStructure, regionOffsets, tableSize, type VhdxStructure } from './structure.ts'

/** Looks for damage of one VHDX; its parents are not looked at. */
export async function* checkVhdx(file: DiskFile, options: IoOptions = {}): AsyncGenerator<Finding> {
  yield* checkCopies(file, options)
  try {
    const structure = await readStructure(file, options)
    if (structure.file.changes > 0) {
      yield {
        severity: 'warning',
        code: 'log',
        message: 'It was not closed properly; its log is replayed when it is read.',
      }
    }
    yield* checkBlocks(structure, options)
  } catch (error) {
    if (!isAppError(error)) throw error
    yield { severity: 'error', code: 'structure', message: error.message }
  }
}

/** Headers and region tables are there twice: one that is damaged is no loss yet. */
async function* checkCopies(file: DiskFile, options: IoOptions): AsyncGenerator<Finding> {
  const copies = [
    ...headerOffsets.map((offset) => ({ offset, length: headerSize, what: 'header' })),
    ...regionOffsets.map((offset) => ({ offset, length: tableSize, what: 'region table' })),
  ]
  const size = await file.size()
  for (const { offset, length, what } of copies) {
    if (offset + length > size) return
    const bytes = new Uint8Array(length)
    await file.read(offset, bytes, options)
    if (checksumWithout(bytes, 4) === viewOf(bytes).getUint32(4, true)) continue
    yield { severity: 'warning', code: 'checksum', message: `A ${what} is damaged; its copy may be good.`, offset }
  }
}

/** Each block must be in the file, and no MiB of it belong to two. */
async function* checkBlocks(structure: VhdxStructure, options: IoOptions): AsyncGenerator<Finding> {
  const { blockSize, size, file, parent } = structure
  const table = new BlockTable(structure)
  const used = new Uint8Array(Math.ceil(file.size / MiB))
  for (let block = 0; block * blockSize < size; block++) {
    options.signal?.throwIfAborted()
    const { state, offset } = await table.block(block, options)
    if (state <= blockState.unmapped) continue
    if (state !== blockState.full && (state !== blockState.partial || !parent)) {
      yield {
        severity: 'error',
        code: 'state',
        message: `The block ${block} has the state ${state}, which makes no sense.`,
      }
      continue
    }
    if (offset < MiB || offset + blockSize > file.size) {
      yield { severity: 'error', code: 'outside', message: `The block ${block} is not in the file.`, offset }
      continue
    }
    const [first, last] = [offset / MiB, (offset + blockSize) / MiB]
    if (used.subarray(first, last).includes(1)) {
      yield { severity: 'error', code: 'overlap', message: `The block ${block} shares its place with another.`, offset }
    }
    used.fill(1, first, last)
  }
}
