/** Eight tables, so that eight bytes go through at a time: the checksums of a log are over megabytes. */
const [t0, t1, t2, t3, t4, t5, t6, t7] = makeTables()

/** CRC-32C (Castagnoli) of all parts as if they were one. */
export function crc32c(...parts: readonly Uint8Array[]): number {
  let crc = 0xffff_ffff
  for (const part of parts) crc = update(crc, part)
  return (crc ^ 0xffff_ffff) >>> 0
}

/** The checksum of a structure whose own checksum, four bytes at `place`, counts as zeros. */
export function checksumWithout(bytes: Uint8Array, place: number): number {
  return crc32c(bytes.subarray(0, place), new Uint8Array(4), bytes.subarray(place + 4))
}

function update(start: number, bytes: Uint8Array): number {
  let crc = start
  let at = 0
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (; at + 8 <= bytes.length; at += 8) {
    const low = view.getUint32(at, true) ^ crc
    const high = view.getUint32(at + 4, true)
    crc =
      (t7[low & 0xff] ?? 0) ^
      (t6[(low >>> 8) & 0xff] ?? 0) ^
      (t5[(low >>> 16) & 0xff] ?? 0) ^
      (t4[low >>> 24] ?? 0) ^
      (t3[high & 0xff] ?? 0) ^
      (t2[(high >>> 8) & 0xff] ?? 0) ^
      (t1[(high >>> 16) & 0xff] ?? 0) ^
      (t0[high >>> 24] ?? 0)
  }
  for (; at < bytes.length; at++) crc = (t0[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8)
  return crc
}

type Tables = readonly [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
]

function makeTables(): Tables {
  // The table of a byte that has `zeros` bytes of zeros after it.
  const table = (zeros: number): Uint32Array =>
    Uint32Array.from({ length: 256 }, (_, byte) => {
      let crc = byte
      for (let bit = 0; bit < 8 * (zeros + 1); bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f6_3b78
      return crc
    })
  return [table(0), table(1), table(2), table(3), table(4), table(5), table(6), table(7)]
}
