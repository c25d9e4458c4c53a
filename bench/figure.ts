/** One measured figure. */
export interface Figure {
  readonly suite: string
  /** What was measured, for example `first backup, CPU`. */
  readonly figure: string
  /** For example `s`, `MB/s`, `KiB/VM`. */
  readonly unit: string
  readonly ours: number
  /** The same of the other program; measured in the same run unless a note says otherwise. */
  readonly peer?: number | undefined
  /** `ours / peer`. */
  readonly ratio?: number | undefined
  /** Where the peer's figure comes from, when it was not measured in the same run. */
  readonly note?: string
}

/** A figure with its ratio, when there is a peer. */
export function figure(suite: string, name: string, unit: string, ours: number, peer?: number): Figure {
  return { suite, figure: name, unit, ours, ...(peer === undefined ? {} : { peer, ratio: ours / peer }) }
}

/** The middle value; the mean of the two middle ones for an even count. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
