/**
 * QR codes (ISO/IEC 18004) in byte mode with error correction M, versions 1 to 10: up to 213 bytes, enough for the address of a second factor.
 */

/** Of each version: codewords for correction in a block, and blocks (table 9, level M). */
const correction = [
  [10, 1],
  [16, 1],
  [26, 1],
  [18, 2],
  [24, 2],
  [16, 4],
  [18, 4],
  [22, 4],
  [22, 5],
  [26, 5],
] as const
/** Codewords of a symbol, data and correction (table 1). */
const codewords = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346] as const
/** Centres of the alignment patterns (annex E). */
const centres: readonly (readonly number[])[] = [
  [],
  [6, 18],
  [6, 22],
  [6, 26],
  [6, 30],
  [6, 34],
  [6, 22, 38],
  [6, 24, 42],
  [6, 26, 46],
  [6, 28, 50],
]

/** Rows of modules; `true` is dark. Throws a `RangeError` when the text is too long. */
export function qrMatrix(text: string): readonly (readonly boolean[])[] {
  const bytes = new TextEncoder().encode(text)
  const version = correction.findIndex((_, index) => dataLength(index) >= bytes.length + (index < 9 ? 2 : 3))
  if (version < 0) throw new RangeError(`${bytes.length} bytes are too many for a QR code.`)
  const symbol = new Symbol18004(version)
  symbol.fill(interleaved(version, encoded(bytes, version)))
  return symbol.rows()
}

function dataLength(version: number): number {
  const [each = 0, blocks = 0] = correction[version] ?? []
  return (codewords[version] ?? 0) - each * blocks
}

/** Mode, length, bytes, and what fills the rest (7.4). */
function encoded(bytes: Uint8Array, version: number): Uint8Array {
  const bits: number[] = []
  const put = (value: number, count: number): void => {
    for (let bit = count - 1; bit >= 0; bit--) bits.push((value >> bit) & 1)
  }
  put(0b0100, 4)
  put(bytes.length, version < 9 ? 8 : 16)
  for (const byte of bytes) put(byte, 8)
  const room = dataLength(version) * 8
  put(0, Math.min(4, room - bits.length))
  put(0, (8 - (bits.length % 8)) % 8)
  for (let pad = 0xec; bits.length < room; pad ^= 0xec ^ 0x11) put(pad, 8)
  return Uint8Array.from({ length: room / 8 }, (_, at) =>
    bits.slice(at * 8, at * 8 + 8).reduce((byte, bit) => byte * 2 + bit, 0),
  )
}

/** Blocks with their correction, one codeword of each in turn (7.6). The last blocks are longer by one when it does not divide. */
function interleaved(version: number, data: Uint8Array): readonly number[] {
  const [each = 0, count = 1] = correction[version] ?? []
  const short = Math.floor(data.length / count)
  const longer = data.length % count
  const blocks: Uint8Array[] = []
  for (let at = 0, index = 0; index < count; index++) {
    const length = short + (index >= count - longer ? 1 : 0)
    blocks.push(data.subarray(at, at + length))
    at += length
  }
  const divisor = generator(each)
  const checks = blocks.map((block) => remainder(block, divisor))
  const mixed: number[] = []
  for (let at = 0; at <= short; at++) for (const block of blocks) if (at < block.length) mixed.push(block[at] ?? 0)
  for (let at = 0; at < each; at++) for (const check of checks) mixed.push(check[at] ?? 0)
  return mixed
}

/** Product in the field of 256 elements, modulo x⁸+x⁴+x³+x²+1. */
function times(a: number, b: number): number {
  let product = 0
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d)
    product ^= ((b >> bit) & 1) * a
  }
  return product
}

/** The generator polynomial of a degree, without its first coefficient (annex A). */
function generator(degree: number): Uint8Array {
  const result = new Uint8Array(degree)
  result[degree - 1] = 1
  for (let root = 1, step = 0; step < degree; step++, root = times(root, 2)) {
    for (let at = 0; at < degree; at++) result[at] = times(result[at] ?? 0, root) ^ (result[at + 1] ?? 0)
  }
  return result
}

function remainder(data: Uint8Array, divisor: Uint8Array): Uint8Array {
  const rest = new Uint8Array(divisor.length)
  for (const byte of data) {
    const factor = byte ^ (rest[0] ?? 0)
    rest.copyWithin(0, 1)
    rest[rest.length - 1] = 0
    for (const [at, coefficient] of divisor.entries()) rest[at] = (rest[at] ?? 0) ^ times(coefficient, factor)
  }
  return rest
}

/** The square of modules: patterns first, data in what they leave free. */
class Symbol18004 {
  readonly #size: number
  readonly #dark: Uint8Array
  readonly #taken: Uint8Array

  constructor(version: number) {
    this.#size = 21 + 4 * version
    this.#dark = new Uint8Array(this.#size ** 2)
    this.#taken = new Uint8Array(this.#size ** 2)
    const last = this.#size - 7
    for (let at = 0; at < this.#size; at++) {
      this.#set(6, at, at % 2 === 0)
      this.#set(at, 6, at % 2 === 0)
    }
    for (const [x, y] of [[3, 3] as const, [last + 3, 3] as const, [3, last + 3] as const]) this.#rings(x, y, 4)
    const places = centres[version] ?? []
    const corner = places.at(-1)
    for (const x of places)
      for (const y of places)
        if (!((x === 6 && y === 6) || (x === 6 && y === corner) || (x === corner && y === 6))) this.#rings(x, y, 2)
    this.#format()
    if (version >= 6) this.#version(version + 1)
  }

  rows(): readonly (readonly boolean[])[] {
    const all = Array.from(this.#dark, (dark) => dark === 1)
    return Array.from({ length: this.#size }, (_, y) => all.slice(y * this.#size, (y + 1) * this.#size))
  }

  /** Puts the codewords in columns of two, up and down, from the right (7.7.3), with mask 0: what is on even places is turned. */
  fill(data: readonly number[]): void {
    const size = this.#size
    let bit = 0
    for (let right = size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5
      const upward = ((right + 1) & 2) === 0
      for (let step = 0; step < size; step++) {
        const y = upward ? size - 1 - step : step
        for (const x of [right, right - 1]) {
          if (this.#taken[y * size + x] === 1) continue
          const value = ((data[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1
          this.#dark[y * size + x] = value ^ ((x + y) % 2 === 0 ? 1 : 0)
          bit++
        }
      }
    }
  }

  #set(x: number, y: number, dark: boolean): void {
    if (x < 0 || y < 0 || x >= this.#size || y >= this.#size) return
    this.#dark[y * this.#size + x] = dark ? 1 : 0
    this.#taken[y * this.#size + x] = 1
  }

  /** Squares within squares: finders (radius 4, with their separator) and alignment patterns (radius 2). */
  #rings(cx: number, cy: number, radius: number): void {
    for (let dy = -radius; dy <= radius; dy++)
      for (let dx = -radius; dx <= radius; dx++) {
        const distance = Math.max(Math.abs(dx), Math.abs(dy))
        this.#set(cx + dx, cy + dy, radius === 2 ? distance !== 1 : distance !== 2 && distance !== 4)
      }
  }

  /** Level M and mask 0: both are zero, and so is their BCH code; what stays is the mask of the format (7.9). */
  #format(): void {
    const bits = 0x5412
    const bit = (at: number): boolean => ((bits >> at) & 1) === 1
    const size = this.#size
    for (let at = 0; at <= 5; at++) this.#set(8, at, bit(at))
    this.#set(8, 7, bit(6))
    this.#set(8, 8, bit(7))
    this.#set(7, 8, bit(8))
    for (let at = 9; at < 15; at++) this.#set(14 - at, 8, bit(at))
    for (let at = 0; at < 8; at++) this.#set(size - 1 - at, 8, bit(at))
    for (let at = 8; at < 15; at++) this.#set(8, size - 15 + at, bit(at))
    this.#set(8, size - 8, true)
  }

  /** The version, with its BCH code (7.10), from version 7 on. */
  #version(version: number): void {
    let rest = version
    for (let step = 0; step < 12; step++) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25)
    const bits = (version << 12) | rest
    for (let at = 0; at < 18; at++) {
      const dark = ((bits >> at) & 1) === 1
      const [a, b] = [this.#size - 11 + (at % 3), Math.floor(at / 3)]
      this.#set(a, b, dark)
      this.#set(b, a, dark)
    }
  }
}
