import { messageOf, viewOf } from '@nixen/core'
import type { Finding } from '../check.ts'
import type { DiskFile } from '../file.ts'
import { EntryTable } from './entries.ts'
import { readHeader, type Qcow2Header } from './header.ts'
import { readL1 } from './qcow2-image.ts'

/** Clusters of a file that can be counted in memory (two bytes each). */
const mostClusters = 32 * 1024 * 1024
/** Findings of one kind that are told one by one. */
const mostOfAKind = 20

/** Looks for damage of one qcow2: places of tables and clusters, and reference counts. Its backing file is not looked at. */
export async function* checkQcow2(file: DiskFile): AsyncGenerator<Finding> {
  try {
    const header = await readHeader(file)
    const l1 = await readL1(file, header)
    const size = await file.size()
    if (Math.ceil(size / header.clusterSize) > mostClusters) {
      yield { severity: 'note', code: 'not-counted', message: 'The file has too many clusters to count references.' }
      return
    }
    if (header.dirty) {
      yield {
        severity: 'warning',
        code: 'dirty',
        message: 'It was not closed: reference counts may be wrong. Data is not affected.',
      }
    }
    yield* new Check(file, { header, l1, size }).run()
  } catch (error) {
    yield { severity: 'error', code: 'unreadable', message: messageOf(error) }
  }
}

class Check {
  readonly #file: DiskFile
  readonly #header: Qcow2Header
  readonly #l1: EntryTable
  readonly #size: number
  /** References that were found, by cluster of the file. */
  readonly #found: Uint16Array
  readonly #told = new Map<string, number>()

  constructor(file: DiskFile, { header, l1, size }: { header: Qcow2Header; l1: EntryTable; size: number }) {
    this.#file = file
    this.#header = header
    this.#l1 = l1
    this.#size = size
    this.#found = new Uint16Array(Math.ceil(size / header.clusterSize))
  }

  async *run(): AsyncGenerator<Finding> {
    const { clusterSize, l1Size, l1Offset } = this.#header
    yield* this.#refer(0, clusterSize, 'The header')
    yield* this.#refer(l1Offset, l1Size * 8, 'The first table')
    const blocks = yield* this.#refcountTable()
    for (let index = 0; index < this.#l1.length; index++) yield* this.#l2(index)
    yield* this.#compare(blocks)
    for (const [code, count] of this.#told) {
      if (count > mostOfAKind)
        yield { severity: 'note', code, message: `${count - mostOfAKind} more findings of the kind "${code}".` }
    }
  }

  /** Counts a reference to each cluster of a range. */
  *#refer(offset: number, length: number, what: string): Generator<Finding> {
    const { clusterSize } = this.#header
    const last = Math.ceil((offset + length) / clusterSize) - 1
    for (let cluster = Math.floor(offset / clusterSize); cluster <= last; cluster++) {
      if (cluster >= this.#found.length) {
        yield* this.#tell({
          severity: 'error',
          code: 'outside',
          message: `${what} lies beyond the end of the file.`,
          offset,
        })
        return
      }
      this.#found[cluster] = Math.min(0xffff, (this.#found[cluster] ?? 0) + 1)
    }
  }

  *#tell(finding: Finding): Generator<Finding> {
    const count = (this.#told.get(finding.code) ?? 0) + 1
    this.#told.set(finding.code, count)
    if (count <= mostOfAKind) yield finding
  }

  /** The places of the blocks of reference counts. */
  async *#refcountTable(): AsyncGenerator<Finding, EntryTable> {
    const { refcountTableOffset, refcountTableClusters, clusterSize, refcountBits } = this.#header
    // No more entries than the file has clusters to count.
    const needed = Math.ceil(this.#found.length / ((clusterSize * 8) / refcountBits))
    const length = Math.min(refcountTableClusters * clusterSize, needed * 8)
    const table = new EntryTable(new Uint8Array(Math.floor(length / 8) * 8))
    await this.#file.read(refcountTableOffset, table.bytes)
    yield* this.#refer(refcountTableOffset, refcountTableClusters * clusterSize, 'The table of reference counts')
    for (let index = 0; index < table.length; index++) {
      const offset = table.offset(index)
      if (offset === 0) continue
      if (offset % clusterSize !== 0) {
        yield* this.#tell({
          severity: 'error',
          code: 'unaligned',
          message: 'A block of reference counts is not where a cluster begins.',
          offset,
        })
      } else {
        yield* this.#refer(offset, clusterSize, 'A block of reference counts')
      }
    }
    return table
  }

  async *#l2(index: number): AsyncGenerator<Finding> {
    const { clusterSize } = this.#header
    const tableOffset = this.#l1.offset(index)
    if (tableOffset === 0) return
    yield* this.#refer(tableOffset, clusterSize, `Table ${index}`)
    if (tableOffset + clusterSize > this.#size) return
    const table = new EntryTable(new Uint8Array(clusterSize))
    await this.#file.read(tableOffset, table.bytes)
    for (let entry = 0; entry < table.length; entry++) yield* this.#entry(table, entry, tableOffset)
  }

  *#entry(table: EntryTable, entry: number, tableOffset: number): Generator<Finding> {
    const { clusterSize } = this.#header
    if (table.isEmpty(entry)) return
    try {
      const mapping = table.mapping(entry, this.#header, { path: this.#file.path, tableOffset })
      if (mapping.kind === 'data') yield* this.#refer(mapping.host, clusterSize, 'A cluster')
      if (mapping.kind === 'compressed') yield* this.#refer(mapping.host, mapping.length, 'A compressed cluster')
      // A cluster that reads as zeros may keep its place.
      const kept = mapping.kind === 'zero' ? table.offset(entry) : 0
      if (kept !== 0) yield* this.#refer(kept, clusterSize, 'A cluster')
    } catch (error) {
      yield* this.#tell({
        severity: 'error',
        code: 'unaligned',
        message: messageOf(error),
        offset: tableOffset + entry * 8,
      })
    }
  }

  /** Compares the references that were found with the counts in the file. */
  async *#compare(blocks: EntryTable): AsyncGenerator<Finding> {
    const { clusterSize, refcountBits, snapshots } = this.#header
    const perBlock = (clusterSize * 8) / refcountBits
    const block = new Uint8Array(clusterSize)
    for (let start = 0, index = 0; start < this.#found.length; start += perBlock, index++) {
      const offset = index < blocks.length ? blocks.offset(index) : 0
      if (offset === 0 || offset % clusterSize !== 0 || offset + clusterSize > this.#size) block.fill(0)
      else await this.#file.read(offset, block)
      const end = Math.min(start + perBlock, this.#found.length)
      for (let cluster = start; cluster < end; cluster++) {
        const counted = refcountAt(block, cluster - start, refcountBits)
        const found = this.#found[cluster] ?? 0
        const place = cluster * clusterSize
        if (counted < found) {
          const message = `A cluster is in use ${found} times and counted ${counted} times: a write may overwrite data.`
          yield* this.#tell({ severity: 'error', code: 'refcount', message, offset: place })
        } else if (counted > found && snapshots === 0) {
          yield* this.#tell({
            severity: 'note',
            code: 'leaked',
            message: 'A cluster is counted and not in use.',
            offset: place,
          })
        }
      }
    }
  }
}

/** One count of a block; counts of fewer than eight bits are packed from the lowest bit on. */
function refcountAt(block: Uint8Array, index: number, bits: number): number {
  const view = viewOf(block)
  switch (bits) {
    case 8:
      return view.getUint8(index)
    case 16:
      return view.getUint16(index * 2)
    case 32:
      return view.getUint32(index * 4)
    case 64:
      return Number(view.getBigUint64(index * 8))
    default:
      return (view.getUint8(Math.floor((index * bits) / 8)) >> ((index * bits) % 8)) & ((1 << bits) - 1)
  }
}
