import { viewOf } from '@nixen/core'
import type { DiskFile } from '../file.ts'

/** Reference counts that are kept in memory before they are written: blocks of one cluster each. */
const mostOpenBlocks = 4

/** Hands out the clusters of a new file one after the other and writes their reference counts, in constant memory. */
export class HostSpace {
  readonly #file: DiskFile
  readonly #clusterSize: number
  /** Counts by block; a block covers `clusterSize / 2` clusters. */
  readonly #open = new Map<number, Uint8Array>()
  /** Where each block that is written lies. */
  readonly #blocks: number[] = []
  #next = 0

  constructor(file: DiskFile, clusterSize: number) {
    this.#file = file
    this.#clusterSize = clusterSize
  }

  /** Offset of the first cluster that was never handed out. */
  get end(): number {
    return this.#next * this.#clusterSize
  }

  /** The offset of `clusters` fresh clusters in a row. They count once each, unless `uncounted`. */
  allocate(clusters: number, { uncounted = false }: { uncounted?: boolean } = {}): number {
    const first = this.#next
    this.#next += clusters
    if (!uncounted) for (let cluster = first; cluster < this.#next; cluster++) this.#count(cluster)
    return first * this.#clusterSize
  }

  /** Counts one reference to each cluster that a range touches. */
  refer(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / this.#clusterSize)
    for (let cluster = Math.floor(offset / this.#clusterSize); cluster <= last; cluster++) this.#count(cluster)
  }

  #count(cluster: number): void {
    const perBlock = this.#clusterSize / 2
    const number = Math.floor(cluster / perBlock)
    let block = this.#open.get(number)
    if (!block) this.#open.set(number, (block = new Uint8Array(this.#clusterSize)))
    const view = viewOf(block)
    const at = (cluster % perBlock) * 2
    view.setUint16(at, view.getUint16(at) + 1)
  }

  /** Writes the blocks of clusters before `complete`, whose counts don't change any more. */
  async spill(complete: number): Promise<void> {
    if (this.#open.size <= mostOpenBlocks) return
    const covered = (this.#clusterSize / 2) * this.#clusterSize
    for (const number of [...this.#open.keys()].toSorted((a, b) => a - b)) {
      if ((number + 1) * covered <= complete) await this.#write(number)
    }
  }

  async #write(number: number): Promise<void> {
    const block = this.#open.get(number)
    if (!block) return
    const offset = this.allocate(1)
    this.#blocks[number] = offset
    this.#open.delete(number)
    await this.#file.write(offset, block)
  }

  /** Writes all counts and their table; says where the table is. */
  async finish(): Promise<{ readonly offset: number; readonly clusters: number }> {
    const covered = this.#clusterSize / 2
    // The blocks and the table count themselves, which may take one more block.
    const places = new Map<number, number>()
    let table = { offset: 0, clusters: 0 }
    for (;;) {
      const missing = [...this.#open.keys()].filter((number) => !places.has(number))
      if (missing.length === 0) {
        const blocks = Math.max(this.#blocks.length, ...[...places.keys()].map((number) => number + 1))
        // Room for the blocks that the table itself may begin.
        const clusters = Math.ceil(((blocks + 2) * 8) / this.#clusterSize)
        if (table.clusters > 0) break
        table = { offset: this.allocate(clusters), clusters }
        continue
      }
      for (const number of missing) places.set(number, this.allocate(1))
    }
    const entries = new Uint8Array(table.clusters * this.#clusterSize)
    const view = viewOf(entries)
    for (const [number, offset] of [...this.#blocks.entries(), ...places]) {
      if (offset !== undefined) view.setBigUint64(number * 8, BigInt(offset))
    }
    for (const [number, offset] of places)
      await this.#file.write(offset, this.#open.get(number) ?? new Uint8Array(covered * 2))
    await this.#file.write(table.offset, entries)
    return table
  }
}
