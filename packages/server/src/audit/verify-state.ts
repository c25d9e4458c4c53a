import type { AuditVerdict } from '@nixen/api'
import { systemClock } from '@nixen/core'
import { openDatabase } from '../db/database.ts'
import { openStateDirectory } from '../state/state-directory.ts'
import { AuditLog } from './audit-log.ts'

/** Checks the audit log of a state directory whose server is stopped. @throws server.state_in_use, server.newer_schema */
export async function verifyAuditLog(stateDir: string): Promise<AuditVerdict> {
  using state = openStateDirectory(stateDir)
  const db = openDatabase(state.database)
  try {
    return await new AuditLog(db, systemClock).verify()
  } finally {
    await db.destroy()
  }
}
