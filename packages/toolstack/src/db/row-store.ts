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
}

/** Where rows survive the process. */
export interface RowStore {
  /** All rows in the order they came to be. */
  read(): Iterable<StoredRow>
  /** Generation of the last write. */
  generation(): number
  /** All or nothing. */
  write(changes: RowChanges): void
  close(): void
}

/** Keeps nothing. */
export const noStore: RowStore = {
  read: () => [],
  generation: () => 0,
  write: () => undefined,
  close: () => undefined,
}
