/** Randomness as a port: a number from 0 (included) to 1 (excluded). */
export type Random = () => number

/** Not for secrets. */
export const systemRandom: Random = () => Math.random()

/**
 * Repeatable numbers from a seed (the mulberry32 generator), for simulated inventories, tests and benchmarks.
 *
 * @param seed any integer; only its low 32 bits count
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
