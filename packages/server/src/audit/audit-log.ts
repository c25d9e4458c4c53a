import { createHash } from 'node:crypto'
import type { AuditEntry, AuditVerdict } from '@nixen/api'
import { Semaphore, type Clock } from '@nixen/core'
import type { Principal } from '../auth/principal.ts'
import type { Db } from '../db/tables.ts'
import type { AuditNote } from '../http/handler.ts'

/** Something to be written down. */
export interface AuditRecord {
  readonly action: string
  readonly ok: boolean
  readonly code?: string
  readonly who: Principal | undefined
  readonly note: AuditNote
  readonly address: string
  readonly requestId: string
  readonly details: Readonly<Record<string, unknown>> | undefined
}

/** Hash before the first entry. */
const origin = '0'.repeat(64)
/** Entries that are read at a time. */
const batch = 500

/**
 * The log of what was done, a chain: each entry's hash is SHA-256 of the hash before, a newline, its number, a newline and its JSON
 * text as it is kept. An entry is on disk before its request is answered.
 */
export class AuditLog {
  readonly #db: Db
  readonly #clock: Clock
  /** One writer at a time: an entry needs the hash of the one before. */
  readonly #turn = new Semaphore(1)

  constructor(db: Db, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  async write({ action, ok, code, who, note, address, requestId, details }: AuditRecord): Promise<void> {
    const entry = {
      time: this.#clock.now(),
      action,
      ok,
      code,
      user: who?.user.id,
      userName: who?.user.name ?? note.userName,
      token: who?.via.kind === 'token' ? who.via.id : undefined,
      address,
      on: note.on,
      onName: note.onName,
      requestId,
      details,
    }
    const json = JSON.stringify(entry)
    await this.#turn.run(async () => {
      const head = await this.#head()
      const seq = (head?.seq ?? 0) + 1
      const hash = link(head?.hash ?? origin, seq, json)
      await this.#db.insertInto('audit').values({ seq, entry_json: json, hash }).execute()
    })
  }

  /** Entries before `before`, newest first, with no more than `most`. */
  async newest(before: number | undefined, most: number): Promise<AuditEntry[]> {
    const rows = await this.#db
      .selectFrom('audit')
      .selectAll()
      .$if(before !== undefined, (query) => query.where('seq', '<', before ?? 0))
      .orderBy('seq', 'desc')
      .limit(most)
      .execute()
    return rows.map((row) => toEntry(row))
  }

  async count(): Promise<number> {
    const row = await this.#db
      .selectFrom('audit')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .executeTakeFirst()
    return row?.n ?? 0
  }

  /** Follows the whole chain. */
  async verify({ signal }: { signal?: AbortSignal } = {}): Promise<AuditVerdict> {
    let previous = origin
    let seq = 0
    for (;;) {
      signal?.throwIfAborted()
      const rows = await this.#db
        .selectFrom('audit')
        .selectAll()
        .where('seq', '>', seq)
        .orderBy('seq')
        .limit(batch)
        .execute()
      for (const row of rows) {
        if (row.seq !== seq + 1 || row.hash !== link(previous, row.seq, row.entry_json)) {
          return { ok: false, entries: seq, brokenAt: seq + 1 }
        }
        seq = row.seq
        previous = row.hash
      }
      if (rows.length < batch) return { ok: true, entries: seq, ...(seq === 0 ? {} : { head: previous }) }
      // Other requests get their turn between batches.
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  async #head(): Promise<{ seq: number; hash: string } | undefined> {
    return await this.#db.selectFrom('audit').select(['seq', 'hash']).orderBy('seq', 'desc').limit(1).executeTakeFirst()
  }
}

function link(previous: string, seq: number, json: string): string {
  return createHash('sha256').update(`${previous}\n${seq}\n${json}`).digest('hex')
}

function toEntry({ seq, hash, entry_json: json }: { seq: number; hash: string; entry_json: string }): AuditEntry {
  // Written above.
  return { seq, hash, ...(JSON.parse(json) as Omit<AuditEntry, 'seq' | 'hash'>) }
}
