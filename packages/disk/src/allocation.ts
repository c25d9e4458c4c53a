import { orderedChunks } from './convert/ordered-chunks.ts'
import type { ChangeToken, DiskSource } from './disk-source.ts'
import { allZero } from './zero-runs.ts'

export interface AllocationOptions {
  /** Bytes that one bit stands for. */
  readonly unit: number
  readonly since?: ChangeToken | undefined
  /** Reads all data and counts units that are zeros as such. */
  readonly scan?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Which units of a disk hold data: what a format needs to know that says so before the data. One bit a unit. */
export class AllocationMap {
  readonly unit: number
  readonly units: number
  readonly #bits: Uint8Array

  constructor(size: number, unit: number) {
    this.unit = unit
    this.units = Math.ceil(size / unit)
    this.#bits = new Uint8Array(Math.ceil(this.units / 8))
  }

  has(index: number): boolean {
    return ((this.#bits[index >>> 3] ?? 0) & (1 << (index & 7))) !== 0
  }

  add(index: number): void {
    this.#bits[index >>> 3] = (this.#bits[index >>> 3] ?? 0) | (1 << (index & 7))
  }

  /** Adds the units that a range touches. */
  addRange(offset: number, length: number): void {
    for (let index = Math.floor(offset / this.unit); index * this.unit < offset + length; index++) this.add(index)
  }

  /** The units, ascending. */
  *[Symbol.iterator](): Generator<number> {
    for (let byte = 0; byte < this.#bits.length; byte++) {
      if (this.#bits[byte] === 0) continue
      for (let index = byte * 8; index < byte * 8 + 8; index++) if (this.has(index)) yield index
    }
  }

  /** Units in the map. */
  count(): number {
    let count = 0
    for (const _ of this) count++
    return count
  }
}

/** Finds out which units of a source hold data (or changed), from its extents or by reading it. */
export async function allocationOf(source: DiskSource, options: AllocationOptions): Promise<AllocationMap> {
  const { unit, since, scan, signal } = options
  const map = new AllocationMap(source.size, unit)
  if (!scan || since !== undefined) {
    for await (const { offset, length, kind } of source.extents({ since, signal })) {
      // A change to zeros is a change.
      if (kind === 'data' || since !== undefined) map.addRange(offset, length)
    }
    return map
  }
  for await (const { chunk, bytes } of orderedChunks(source, { signal })) {
    if (!bytes) continue
    for (let at = 0; at < bytes.length; at += unit) {
      if (!allZero(bytes.subarray(at, at + unit))) map.addRange(chunk.offset + at, Math.min(unit, bytes.length - at))
    }
  }
  return map
}
