import type { MutableRow } from './row.ts'

interface Entry {
  readonly generation: number
  readonly row: MutableRow
}

/** A row that is gone. */
export interface Tombstone {
  readonly ref: string
  /** Name of the class in lower case. */
  readonly lower: string
  readonly created: number
  readonly deleted: number
}

/** How much of the past is kept; older tokens look at every row, and miss older deletions, as on a real host. */
const keptChanges = 50_000
const keptTombstones = 20_000

/** The order in which rows changed, so that a reader finds what is new without looking at every row. */
export class ChangeLog {
  #entries: Entry[] = []
  #tombstones: Tombstone[] = []
  /** The log holds every change after this generation. */
  #since = 0

  /** Starts the log again: rows changed up to `generation` are not in it. */
  reset(generation: number): void {
    this.#entries = []
    this.#tombstones = []
    this.#since = generation
  }

  changed(row: MutableRow): void {
    this.#entries.push({ generation: row.modified, row })
    if (this.#entries.length <= 2 * keptChanges) return
    this.#entries = this.#entries.slice(-keptChanges)
    this.#since = (this.#entries[0]?.generation ?? 1) - 1
  }

  deleted(tombstone: Tombstone): void {
    this.#tombstones.push(tombstone)
    if (this.#tombstones.length > 2 * keptTombstones) this.#tombstones = this.#tombstones.slice(-keptTombstones)
  }

  /** Rows changed after `generation`, each once; `undefined` when the log does not reach back that far. */
  rowsAfter(generation: number): Iterable<MutableRow> | undefined {
    if (generation < this.#since) return undefined
    const rows = new Set<MutableRow>()
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const entry = this.#entries[i]
      if (!entry || entry.generation <= generation) break
      rows.add(entry.row)
    }
    return rows
  }

  /** Rows deleted after `generation`, oldest first. */
  deletedAfter(generation: number): readonly Tombstone[] {
    let start = this.#tombstones.length
    while (start > 0 && (this.#tombstones[start - 1]?.deleted ?? 0) > generation) start--
    return this.#tombstones.slice(start)
  }
}
