import type { AuditVerdict } from '@nixen/api'
import { systemClock } from '@nixen/core'
import { openState } from '../db/open-state.ts'
import { openStateDirectory } from '../state/state-directory.ts'
import { AuditLog } from './audit-log.ts'

/** Checks the audit log of a state directory whose server is stopped. @throws server.state_in_use, server.newer_schema */
export async function verifyAuditLog(
  stateDir: string,
  { databaseUrl }: { readonly databaseUrl?: string | undefined } = {},
): Promise<AuditVerdict> {
  using state = openStateDirectory(stateDir)
  const db = await openState({ path: state.database, url: databaseUrl })
  try {
    return await new AuditLog(db, systemClock).verify()
  } finally {
    await db.destroy()
  }
}
