/** Zero runs are looked for in steps of this many bytes. */
const granule = 4096
/** Shorter runs of zeros are treated as data: more and smaller writes cost more than they save. */
const shortestRun = 65_536

const zeros = Buffer.alloc(2 * 1024 * 1024)

/** Whether all bytes are zero; many times faster than a loop for large arrays. */
export function allZero(bytes: Uint8Array): boolean {
  // Most data shows itself in its first byte.
  if (bytes.length > 0 && bytes[0] !== 0) return false
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const length = Math.min(zeros.length, bytes.length - at)
    if (zeros.compare(bytes, at, at + length, 0, length) !== 0) return false
  }
  return true
}

/** A range within an array. */
export interface ByteRun {
  readonly start: number
  readonly end: number
}

/**
 * The runs of `bytes` that hold data: what lies between them is zeros. Ends are multiples of 4 KiB, or of a larger `granularity`, but for
 * the last.
 */
export function dataRuns(bytes: Uint8Array, granularity = 1): ByteRun[] {
  if (allZero(bytes)) return []
  const step = Math.max(granule, granularity)
  const shortest = Math.max(shortestRun, granularity)
  const runs: { start: number; end: number }[] = []
  for (let start = 0; start < bytes.length; start += step) {
    const end = Math.min(start + step, bytes.length)
    if (bytes[start] === 0 && zeros.compare(bytes, start, end, 0, end - start) === 0) continue
    const last = runs.at(-1)
    if (last && start - last.end < shortest) last.end = end
    else runs.push({ start, end })
  }
  return runs
}
