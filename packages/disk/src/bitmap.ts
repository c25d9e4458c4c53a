/** A range of bits. */
export interface BitRun {
  readonly start: number
  readonly end: number
  readonly set: boolean
}

/** The runs of equal bits of a bitmap whose first bit is the highest of the first byte, as VHD has them. */
export function* bitRuns(bitmap: Uint8Array, from: number, to: number): Generator<BitRun> {
  let start = from
  while (start < to) {
    const set = bitAt(bitmap, start)
    const whole = set ? 0xff : 0
    let end = start + 1
    while (end < to) {
      // Eight at a time where they are all the same.
      if (end % 8 === 0 && end + 8 <= to && bitmap[end >> 3] === whole) end += 8
      else if (bitAt(bitmap, end) === set) end++
      else break
    }
    yield { start, end, set }
    start = end
  }
}

function bitAt(bitmap: Uint8Array, index: number): boolean {
  return ((bitmap[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0
}

/** Sets a range of bits, the highest of a byte first. */
export function setBits(bitmap: Uint8Array, from: number, to: number): void {
  let at = from
  while (at < to) {
    if (at % 8 === 0 && at + 8 <= to) {
      const bytes = (to - at) >> 3
      bitmap.fill(0xff, at >> 3, (at >> 3) + bytes)
      at += bytes * 8
      continue
    }
    bitmap[at >> 3] = (bitmap[at >> 3] ?? 0) | (0x80 >> (at & 7))
    at++
  }
}
