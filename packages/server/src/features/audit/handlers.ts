import { demandQuery, pageThrough, parseSort, queryErrors, queryTable, type AuditEntry } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { AuditLog } from '../../audit/audit-log.ts'
import type { GroupHandlers } from '../../http/handler.ts'

export interface AuditPorts {
  readonly audit: AuditLog
  readonly clock: Clock
}

/** A query, or another order than the log's own, looks at the newest of these. */
const searched = 20_000

/** Reading and checking the audit log. */
export function auditHandlers({ audit, clock }: AuditPorts): GroupHandlers<'audit'> {
  return {
    async list({ input: { q = '', sort, limit, cursor } }) {
      const table = queryTable('audit')
      const context = { now: clock.now() }
      const matches = demandQuery(q, table, context)
      const keys = parseSort(sort, table, '-seq')
      if (q.trim() === '' && (sort === undefined || sort === '-seq')) return await newestPage(audit, limit, cursor)
      const entries = await audit.newest(undefined, searched)
      const items = entries.map((entry) => withId(entry))
      const page = pageThrough(items, matches, { ...context, keys, limit, cursor, of: `audit?${q}&${sort ?? ''}` })
      return { ...page, items: page.items.map((item) => withoutId(item)) }
    },
    verify: async ({ info: { signal } }) => await audit.verify({ signal }),
  }
}

/** Pages are cut by the ids of what is in them. */
function withId(entry: AuditEntry): AuditEntry & { readonly id: string } {
  return { ...entry, id: String(entry.seq) }
}

function withoutId(item: AuditEntry & { readonly id: string }): AuditEntry {
  const { id: _, ...entry } = item
  return entry
}

/** A page in the log's own order is read from the database alone; the cursor is the last number. */
async function newestPage(audit: AuditLog, limit: number, cursor: string | undefined) {
  if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) throw queryErrors.bad_cursor()
  const items = await audit.newest(cursor === undefined ? undefined : Number(cursor), limit)
  const last = items.at(-1)
  const more = last && items.length === limit && last.seq > 1 ? { next: String(last.seq) } : {}
  return { items, total: await audit.count(), ...more }
}
