/** Bytes that one bit stands for. */
const step = 65_536
/** Bits of one page of the map: 1 GiB of the disk in 2 KiB. */
const pageBits = 16_384

/** Remembers which parts of a new file were written, so that zeroing fresh ranges costs nothing. 2 MiB of memory for each TiB written. */
export class Touched {
  readonly #pages = new Map<number, Uint8Array>()

  /** Notes a write. */
  add(offset: number, length: number): void {
    for (let index = Math.floor(offset / step); index * step < offset + length; index++) {
      const number = Math.floor(index / pageBits)
      let page = this.#pages.get(number)
      if (!page) this.#pages.set(number, (page = new Uint8Array(pageBits / 8)))
      const bit = index % pageBits
      page[bit >> 3] = (page[bit >> 3] ?? 0) | (1 << (bit & 7))
    }
  }

  /** The parts of a range that may hold something. */
  *within(offset: number, length: number): Generator<{ offset: number; length: number }> {
    const end = offset + length
    for (let at = offset; at < end;) {
      const index = Math.floor(at / step)
      const page = this.#pages.get(Math.floor(index / pageBits))
      // An untouched GiB is passed in one step.
      const next = Math.min(end, page ? (index + 1) * step : (Math.floor(index / pageBits) + 1) * pageBits * step)
      const bit = index % pageBits
      if (page && (page[bit >> 3] ?? 0) & (1 << (bit & 7))) yield { offset: at, length: next - at }
      at = next
    }
  }
}
