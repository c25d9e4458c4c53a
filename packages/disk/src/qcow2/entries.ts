import { viewOf } from '@nixen/core'
import { diskErrors } from '../errors.ts'
import type { Qcow2Header } from './header.ts'

/** Where a cluster of the disk is. */
export type Mapping =
  | { readonly kind: 'below' }
  | { readonly kind: 'zero' }
  | { readonly kind: 'data'; readonly host: number }
  | { readonly kind: 'compressed'; readonly host: number; readonly length: number }

const below: Mapping = { kind: 'below' }
const zero: Mapping = { kind: 'zero' }

const copiedHigh = 0x8000_0000
const compressedHigh = 0x4000_0000
// Bits 9 to 55 of an entry are the offset in the file.
const offsetHigh = 0x00ff_ffff

/** A table of 64-bit entries, read without making a BigInt of each. */
export class EntryTable {
  readonly bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = viewOf(bytes)
  }

  get length(): number {
    return this.bytes.length / 8
  }

  high(index: number): number {
    return this.#view.getUint32(index * 8)
  }

  low(index: number): number {
    return this.#view.getUint32(index * 8 + 4)
  }

  isEmpty(index: number): boolean {
    return this.high(index) === 0 && this.low(index) === 0
  }

  /** The offset in the file that an entry holds, without its flags. */
  offset(index: number): number {
    return (this.high(index) & offsetHigh) * 0x1_0000_0000 + ((this.low(index) & ~0x1ff) >>> 0)
  }

  /** Whether the entry says that nobody else refers to its cluster. */
  isCopied(index: number): boolean {
    return (this.high(index) & copiedHigh) !== 0
  }

  /** Puts in a cluster that nobody else refers to. */
  setCopied(index: number, offset: number): void {
    this.#view.setUint32(index * 8, (Math.floor(offset / 0x1_0000_0000) | copiedHigh) >>> 0)
    this.#view.setUint32(index * 8 + 4, offset >>> 0)
  }

  setCompressed(index: number, place: { host: number; length: number; clusterBits: number }): void {
    const { host, length, clusterBits } = place
    // "Additional sectors": those that the data touches beyond the first.
    const sectors = Math.floor((host + length - 1) / 512) - Math.floor(host / 512)
    const value = BigInt(host) | (BigInt(sectors) << BigInt(62 - (clusterBits - 8))) | (1n << 62n)
    this.#view.setBigUint64(index * 8, value)
  }

  /** Where the cluster of this second-table entry is. */
  mapping(index: number, header: Qcow2Header, where: { path: string; tableOffset: number }): Mapping {
    const high = this.high(index)
    const low = this.low(index)
    if ((high | low) === 0) return below
    const corrupt = (what: string): Error =>
      diskErrors.corrupt({ path: where.path, what, offset: where.tableOffset + index * 8 })
    if (high & compressedHigh) {
      const bits = BigInt(62 - (header.clusterBits - 8))
      const value = this.#view.getBigUint64(index * 8) & 0x3fff_ffff_ffff_ffffn
      const host = Number(value & ((1n << bits) - 1n))
      const sectors = Number(value >> bits) + 1
      return { kind: 'compressed', host, length: sectors * 512 - (host % 512) }
    }
    // Bit 0 means zeros from version 3 on.
    if (header.version === 3 && low & 1) return zero
    const host = this.offset(index)
    if (host === 0) return below
    if (host % header.clusterSize !== 0) throw corrupt('a cluster is not where a cluster begins')
    return { kind: 'data', host }
  }
}
