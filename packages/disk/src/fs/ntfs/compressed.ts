import { fileErrors } from '../errors.ts'
import type { Run } from '../runs.ts'
import type { NtfsSpace } from './record.ts'

const chunkSize = 4096
const zeros = Buffer.alloc(chunkSize)

/** A compressed file: in units of clusters (16 as a rule), stored as they are, compressed (fewer clusters than a unit), or not at all. */
export async function* readCompressed(
  space: NtfsSpace,
  runs: Iterable<Run>,
  { size, initialized, unit }: { size: number; initialized: number; unit: number },
): AsyncGenerator<Uint8Array> {
  const { device, clusterSize } = space
  const where = device.where
  const unitSize = clusterSize * 2 ** unit
  if (unit > 8 || unitSize > 4 * 1024 * 1024)
    throw fileErrors.damaged({ where, what: 'a compressed file has impossible units' })
  const pieces = new Pieces(runs)
  for (let at = 0; at < size; at += unitSize) {
    const length = Math.min(unitSize, size - at)
    const stored = at < initialized ? pieces.take(at, unitSize) : []
    const bytes = stored.reduce((sum, piece) => sum + piece.length, 0)
    if (bytes === 0) {
      yield Buffer.alloc(length)
      continue
    }
    const parts: Buffer[] = []
    for (const { start, length: some } of stored) parts.push(await device.read(start, some))
    const whole = Buffer.concat(parts)
    const plain = bytes >= unitSize ? whole : decompress(where, whole, unitSize)
    yield plain.subarray(0, length)
  }
}

/** Hands out what is stored of each unit, in order. */
class Pieces {
  readonly #runs: Iterator<Run>
  #open: Run | undefined

  constructor(runs: Iterable<Run>) {
    this.#runs = runs[Symbol.iterator]()
    this.#open = this.#next()
  }

  take(offset: number, length: number): { start: number; length: number }[] {
    const found: { start: number; length: number }[] = []
    while (this.#open && this.#open.offset < offset + length) {
      const { offset: from, length: some, start } = this.#open
      const begin = Math.max(from, offset)
      const end = Math.min(from + some, offset + length)
      if (start !== undefined && end > begin) found.push({ start: start + (begin - from), length: end - begin })
      if (from + some > offset + length) break
      this.#open = this.#next()
    }
    return found
  }

  #next(): Run | undefined {
    const { value, done } = this.#runs.next()
    return done ? undefined : value
  }
}

/** LZNT1: chunks of 4 KiB, each plain or as literals and references back in the chunk ("NTFS Documentation", compression). */
function decompress(where: string, bytes: Buffer, size: number): Buffer {
  const broken = (): Error => fileErrors.damaged({ where, what: 'a compressed file cannot be decompressed' })
  const out = Buffer.alloc(size)
  let to = 0
  for (let at = 0; at + 2 <= bytes.length && to < size; to += chunkSize) {
    const head = bytes.readUInt16LE(at)
    if (head === 0) break
    const end = at + 2 + (head & 0xfff) + 1
    if (end > bytes.length) throw broken()
    if ((head & 0x8000) === 0) bytes.copy(out, to, at + 2, end)
    else chunk(bytes.subarray(at + 2, end), out.subarray(to, to + chunkSize), broken)
    at = end
  }
  return out
}

function chunk(bytes: Buffer, out: Buffer, broken: () => Error): void {
  let to = 0
  for (let at = 0; at < bytes.length && to < out.length;) {
    const tags = bytes[at++] ?? 0
    for (let bit = 0; bit < 8 && at < bytes.length && to < out.length; bit++) {
      if ((tags & (1 << bit)) === 0) {
        out[to++] = bytes[at++] ?? 0
        continue
      }
      if (at + 2 > bytes.length || to === 0) throw broken()
      const token = bytes.readUInt16LE(at)
      at += 2
      // The further into the chunk, the more bits for the distance and the fewer for the length.
      const distanceBits = Math.max(4, 32 - Math.clz32(to - 1))
      const distance = (token >> (16 - distanceBits)) + 1
      const length = (token & ((1 << (16 - distanceBits)) - 1)) + 3
      if (distance > to) throw broken()
      for (let count = 0; count < length && to < out.length; count++, to++) out[to] = out[to - distance] ?? 0
    }
  }
  zeros.copy(out, to, 0, out.length - to)
}
