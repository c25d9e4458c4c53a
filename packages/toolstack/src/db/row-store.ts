import type { MutableRow } from './row.ts'

/** A row as it was kept. */
export interface StoredRow {
  readonly ref: string
  readonly cls: string
  readonly created: number
  readonly modified: number
  readonly values: Readonly<Record<string, unknown>>
}

/** Changes that belong together. */
export interface RowChanges {
  readonly rows: Iterable<MutableRow>
  readonly removed: Iterable<string>
  readonly generation: number
  /** Short texts beside the rows; `undefined` takes one away. */
  readonly notes?: ReadonlyMap<string, string | undefined>
}

/** Where rows survive the process. */
export interface RowStore {
  /** All rows in the order they came to be. */
  read(): Iterable<StoredRow>
  /** Generation of the last write. */
  generation(): number
  /** The texts beside the rows. */
  notes(): ReadonlyMap<string, string>
  /** All or nothing. */
  write(changes: RowChanges): void
  /** Makes what was written survive a power cut too. */
  flush(): void
  close(): void
}

/** Keeps nothing. */
export const noStore: RowStore = {
  read: () => [],
  generation: () => 0,
  notes: () => new Map(),
  write: () => undefined,
  flush: () => undefined,
  close: () => undefined,
}
