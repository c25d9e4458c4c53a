import type { Device } from './device.ts'
import { pieceSize } from './model.ts'

/** Neighbouring bytes of a file: `start` is their place on the device, or nothing for a hole. */
export interface Run {
  /** Place in the file, bytes. */
  readonly offset: number
  readonly length: number
  readonly start: number | undefined
}

const zeros = Buffer.alloc(pieceSize)

/** The bytes of a file from its runs (ascending; what lies between them are holes), in parts of at most 1 MiB, up to `size`. */
export async function* readRuns(
  device: Device,
  runs: Iterable<Run> | AsyncIterable<Run>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let at = 0
  for await (const run of runs) {
    if (run.offset >= size) break
    // What overlaps with what was given already is a lie of the disk: the first counts.
    const from = Math.max(at, run.offset)
    const end = Math.min(size, run.offset + run.length)
    if (end <= from) continue
    yield* holes(from - at)
    at = from
    while (at < end) {
      const length = Math.min(pieceSize, end - at)
      yield run.start === undefined
        ? zeros.subarray(0, length)
        : await device.read(run.start + (at - run.offset), length)
      at += length
    }
  }
  yield* holes(size - at)
}

function* holes(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= pieceSize) yield zeros.subarray(0, Math.min(left, pieceSize))
}

/** All of a small content, at most `limit` bytes of it. */
export async function wholeOf(parts: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const kept: Uint8Array[] = []
  let length = 0
  for await (const part of parts) {
    kept.push(part)
    length += part.length
    if (length >= limit) break
  }
  return Buffer.concat(kept).subarray(0, limit)
}
