// What the inventory of a pool has to be, worked out a second time: from all records at once, by the hosts' own lists of what belongs
// to what, without regard to speed, and sharing no code with the provider. Where the two differ, one of them is wrong.
import type { Xapi } from '@nixen/xapi'
import { alarmTruth, taskTruth } from './activity.ts'
import { withoutAbsent, type Fields } from './fields.ts'
import { hostNicTruth, networkTruth, vmNicTruth } from './network.ts'
import { hostTruth, poolTruth } from './pool.ts'
import { classes, PoolRecords, type Tables } from './records.ts'
import { diskTruth, storageTruth } from './storage.ts'
import { vmTruth } from './vm.ts'

/** Every resource of a pool by its id. Ask while nothing changes. */
export async function xapiTruth(xapi: Xapi, connection: string): Promise<Map<string, Fields>> {
  const tables: Partial<Record<string, unknown>> = {}
  for (const name of classes) {
    tables[name] = await xapi.call(`${name}.get_all_records`, [], {
      session: true,
      resultType: `map(ref:${name},record:${name})`,
    })
  }
  // One table for each class, of the types asked for.
  return truthOf(new PoolRecords(tables as Tables, connection))
}

function truthOf(db: PoolRecords): Map<string, Fields> {
  const { host, VM, SR, VDI, VIF, PIF, network, task, message } = db.tables
  const objects = [
    poolTruth(db),
    ...[...host].map(([ref, record]) => hostTruth(db, ref, record)),
    ...[...VM].map(([ref, record]) => vmTruth(db, ref, record)),
    ...[...SR].map(([ref, record]) => storageTruth(db, ref, record)),
    ...[...VDI].map(([ref, record]) => diskTruth(db, ref, record)),
    ...[...VIF.values()].map((record) => vmNicTruth(db, record)),
    ...[...PIF.values()].map((record) => hostNicTruth(db, record)),
    ...[...network.values()].map((record) => networkTruth(db, record)),
    ...[...task.values()].map((record) => taskTruth(db, record)),
    ...[...message.values()].map((record) => alarmTruth(db, record)),
  ]
  const known = objects.filter((object) => object !== undefined).map(withoutAbsent)
  return new Map(known.map((object) => [String(object['id']), object]))
}
