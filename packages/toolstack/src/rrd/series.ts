/** A number that moves as one measured on a machine does. */
export interface Series {
  /** As XAPI names it: `cpu0`, `vif_0_rx`. */
  readonly name: string
  /** What a quiet day shows, and what the busiest moments add to it. */
  readonly low: number
  readonly high: number
}

/** Length of the waves a series is made of, seconds: a day, its busy hours, minutes. */
const waves = [86_400, 7_200, 900] as const

/**
 * The value of a series at a time: always the same for the same owner, name and time, so nothing needs to be kept. Whole days look alike but not
 * the same.
 *
 * @param seconds since 1970
 */
export function valueAt(owner: string, { name, low, high }: Series, seconds: number): number {
  const seed = hash(`${owner}/${name}`)
  let load = 0
  for (const [index, length] of waves.entries()) {
    const phase = fraction(seed, index)
    load += (1 + Math.sin(2 * Math.PI * (seconds / length + phase))) / (2 ** (index + 1) * 1.2)
  }
  const jitter = fraction(seed, Math.floor(seconds / 5)) * 0.2
  const busy = 0.15 + 0.85 * fraction(seed, 7)
  return low + (high - low) * Math.min(1, Math.max(0, busy * (load * 0.8 + jitter)))
}

/** FNV-1a of 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}

/** A number from 0 to 1 that follows from two others. */
function fraction(seed: number, index: number): number {
  let value = Math.imul(seed ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return ((value ^ (value >>> 16)) >>> 0) / 2 ** 32
}
