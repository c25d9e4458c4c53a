import type { Database } from '../db/database.ts'
import type { Row } from '../db/row.ts'
import type { ClassName } from '../generated/rows.ts'
import type { EventToken, Subscription } from './subscription.ts'

/** One event as `event.from` words it. `id` and `timestamp` are texts there, and mean nothing. */
export interface EventRecord {
  readonly id: string
  readonly timestamp: string
  readonly class: string
  readonly operation: 'add' | 'mod' | 'del'
  readonly ref: string
  /** The row as it is now; absent for `del`. */
  readonly snapshot: Row | undefined
}

/**
 * What happened since a token, at most one event an object: created since → `add`, changed → `mod`, gone → `del` if it was there before. Messages
 * first, then adds, mods, dels.
 */
export function collectEvents(db: Database, subscription: Subscription, since: EventToken): EventRecord[] {
  const messages: EventRecord[] = []
  const adds: Row[] = []
  const mods: Row[] = []
  for (const row of db.changedAfter(Math.min(since.rows, since.messages))) {
    const isMessage = row.cls.name === 'message'
    const seen = isMessage ? since.messages : since.rows
    if (row.modified <= seen || !row.cls.genEvents || !subscription.matches(row.cls.lower, row.ref)) continue
    if (isMessage) messages.push(eventOf(row, 'add'))
    else if (row.created > seen) adds.push(row)
    else mods.push(row)
  }
  adds.sort((a, b) => a.created - b.created)
  mods.sort((a, b) => a.modified - b.modified)
  const dels: EventRecord[] = []
  for (const gone of db.deletedAfter(Math.min(since.rows, since.messages))) {
    const seen = gone.lower === 'message' ? since.messages : since.rows
    const generates = db.model.classByLower.get(gone.lower)?.genEvents
    if (gone.deleted <= seen || gone.created > seen || !generates || !subscription.matches(gone.lower, gone.ref))
      continue
    dels.push({ ...ids(gone.deleted), class: gone.lower, operation: 'del', ref: gone.ref, snapshot: undefined })
  }
  return [...messages, ...adds.map((row) => eventOf(row, 'add')), ...mods.map((row) => eventOf(row, 'mod')), ...dels]
}

/** Rows in every table, by class in lower case. Clients compare them with what they hold. */
export function validRefCounts(db: Database): Record<string, number> {
  const counts: Record<string, number> = {}
  // The names come from the data model.
  for (const cls of db.model.classes.values()) if (cls.inDatabase) counts[cls.lower] = db.count(cls.name as ClassName)
  return counts
}

function eventOf(row: Row, operation: 'add' | 'mod'): EventRecord {
  return { ...ids(row.modified), class: row.cls.lower, operation, ref: row.ref, snapshot: row }
}

function ids(generation: number): { id: string; timestamp: string } {
  return { id: String(generation), timestamp: '0.0' }
}
