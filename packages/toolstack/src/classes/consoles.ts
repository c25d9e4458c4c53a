import type { Database } from '../db/database.ts'
import type { Enums, Ref } from '../generated/rows.ts'

/** Gives a machine a console that its host answers for. The location names the console by its own UUID, as a host's does. */
export function addConsole(db: Database, vm: Ref<'VM'>, protocol: Enums['console_protocol']): Ref<'console'> {
  const { address } = db.get('host', db.get('VM', vm).resident_on)
  const uuid = db.newUuid()
  const location = `https://${address}/console?uuid=${uuid}`
  return db.insert('console', { uuid, protocol, location, VM: vm, other_config: {} })
}

/** Takes the consoles of a machine away. */
export function removeConsoles(db: Database, vm: Ref<'VM'>): void {
  for (const old of db.get('VM', vm).consoles) db.remove(old)
}
