import type { ResourceId } from '@nixen/api'

/** What is asked of the measurements of an object; the answer is the contract's `Stats`. */
export interface StatsQuery {
  /** A host, VM or storage. */
  readonly id: ResourceId
  /** Epoch milliseconds of the oldest value wanted. */
  readonly from: number
  /** Milliseconds between values; the finest that reaches back to `from` when left out. */
  readonly step?: number | undefined
  readonly signal?: AbortSignal | undefined
}
