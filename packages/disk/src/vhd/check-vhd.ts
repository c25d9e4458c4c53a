import { messageOf } from '@nixen/core'
import type { Finding } from '../check.ts'
import type { DiskFile } from '../file.ts'
import { decodeFooter, footerSize, sectorSize } from './footer.ts'
import { isPresent, readStructure, tableSize, type SparseStructure, type VhdStructure } from './structure.ts'

/** Looks for damage of one VHD; its parents are not looked at. */
export async function* checkVhd(file: DiskFile): AsyncGenerator<Finding> {
  let structure: VhdStructure
  try {
    structure = await readStructure(file)
  } catch (error) {
    yield { severity: 'error', code: 'unreadable', message: messageOf(error) }
    return
  }
  const size = await file.size()
  yield* checkFooters(file, structure, size)
  if (structure.sparse) yield* checkBlocks(structure.sparse, size)
}

async function* checkFooters(file: DiskFile, { sparse }: VhdStructure, size: number): AsyncGenerator<Finding> {
  const footer = new Uint8Array(footerSize)
  await file.read(size - footerSize, footer)
  const bad = problem(footer, file.path, size - footerSize)
  if (bad)
    yield {
      severity: 'error',
      code: 'footer',
      message: `${bad} Its copy at the start is in use.`,
      offset: size - footerSize,
    }
  if (!sparse) return
  const copy = new Uint8Array(footerSize)
  await file.read(0, copy)
  const badCopy = problem(copy, file.path, 0)
  if (badCopy) yield { severity: 'warning', code: 'footer-copy', message: badCopy, offset: 0 }
  else if (!bad && Buffer.compare(footer, copy) !== 0) {
    yield {
      severity: 'warning',
      code: 'footer-copy',
      message: 'The copy of the footer differs from the footer.',
      offset: 0,
    }
  }
}

function problem(footer: Uint8Array, path: string, at: number): string | undefined {
  try {
    decodeFooter(footer, path, at)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function* checkBlocks(sparse: SparseStructure, size: number): Generator<Finding> {
  const { header, table } = sparse
  const blockBytes = sparse.bitmapSize + header.blockSize
  const metadata = header.tableOffset + tableSize(header.blocks)
  const present = [...table.keys()].filter((block) => isPresent(table[block]))
  present.sort((a, b) => (table[a] ?? 0) - (table[b] ?? 0))
  let previous: { block: number; end: number } | undefined
  for (const block of present) {
    const offset = (table[block] ?? 0) * sectorSize
    const end = offset + blockBytes
    if (offset < metadata)
      yield { severity: 'error', code: 'overlap', message: `Block ${block} lies over the header or the table.`, offset }
    if (end > size)
      yield { severity: 'error', code: 'truncated', message: `Block ${block} ends beyond the file.`, offset }
    if (previous && offset < previous.end) {
      yield {
        severity: 'error',
        code: 'overlap',
        message: `Blocks ${previous.block} and ${block} share sectors.`,
        offset,
      }
    }
    previous = { block, end }
  }
  const unused = size - footerSize - metadata - present.length * blockBytes
  // Padding of each block to a page, locators and a batmap are usual; more is space that no block uses.
  if (unused > (present.length + 64) * 4096 + 1024 * 1024) {
    yield { severity: 'note', code: 'leaked', message: `${unused} bytes of the file belong to no block.` }
  }
}
