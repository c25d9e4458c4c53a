import type { Health } from '@nixen/api'
import { messageOf } from '@nixen/core'
import { sql } from 'kysely'
import type { Db } from '../db/tables.ts'
import type { Inventory } from '../inventory/inventory.ts'

/** Looks at what the server needs: the database answers, connections are connected. */
export async function checkHealth({
  db,
  inventory,
}: {
  readonly db: Db
  readonly inventory: Inventory
}): Promise<Pick<Health, 'status' | 'checks'>> {
  const checks: Health['checks'] = []
  try {
    await sql`SELECT 1`.execute(db)
    checks.push({ name: 'database', status: 'ok' })
  } catch (error) {
    checks.push({ name: 'database', status: 'failing', message: messageOf(error) })
  }
  for (const { id, enabled, state, name, error } of inventory.all('connection')) {
    if (!enabled || state === 'connected') continue
    checks.push({ name: `connection ${id}`, status: 'degraded', message: `${name}: ${error?.message ?? state}` })
  }
  const failing = checks.some(({ status }) => status === 'failing')
  return { status: failing ? 'failing' : checks.length > 1 ? 'degraded' : 'ok', checks }
}
