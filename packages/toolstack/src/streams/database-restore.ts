import { collectBytes } from '@nixen/core'
import { Database } from '../db/database.ts'
import { haltVm } from '../classes/vm-runtime.ts'
import type { StoredRow } from '../db/row-store.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { removeHost } from '../membership/remove-host.ts'
import { masterOf, poolRef, type Pool } from '../pool/pool.ts'
import type { HttpHandler } from '../wire/http-exchange.ts'
import { parseDatabase } from './parse-database.ts'
import { receiveBytes, streamHandler } from './stream-handler.ts'

/** Largest database, in bytes. */
const limit = 1024 ** 3

/**
 * PUT /pool/xmldbdump: puts a database in the place of the pool's, as after a restart of its hosts: all sessions and tasks are gone. With `dry_run` it is
 * only looked at.
 */
export function restoreDatabase(pool: Pool): HttpHandler {
  return streamHandler(pool, {
    action: 'put_pool_xml_db_sync',
    label: 'Database restore',
    hostFor: ({ db }) => masterOf(db),
    async work(transfer) {
      const bytes = await collectBytes(receiveBytes(transfer), { limit })
      const rows = restoredRows(pool, parseDatabase(pool.db.model, Buffer.from(bytes).toString()))
      if (!transfer.query.has('dry_run')) await pool.moves.restore(pool, rows)
      return '<value></value>'
    },
  })
}

/**
 * The rows for this pool: its hosts keep their addresses. The master of another pool's database becomes the master here, and hosts that are not here go
 * with all that is part of them.
 */
function restoredRows(pool: Pool, rows: readonly StoredRow[]): StoredRow[] {
  const now = pool.db
  const db = new Database({ model: now.model })
  db.restore(rows)
  if (db.count('pool') !== 1 || !db.find('host', masterOf(db)))
    throw fault('INTERNAL_ERROR', 'This is no database that can be restored: it has no pool with a master')
  takeOverMaster(db, now)
  for (const { ref, values } of db.rows('host')) {
    if (now.findUuid('host', values.uuid) !== undefined) continue
    // Nobody knows any more what became of its machines.
    for (const vm of values.resident_VMs) if (!db.get('VM', vm).is_control_domain) haltVm({ db, pool }, vm)
    removeHost(db, ref)
  }
  for (const { values } of now.rows('host')) {
    const host = db.findUuid('host', values.uuid)
    // Its disks would be lost to everybody.
    if (host === undefined)
      throw fault(
        'OPERATION_NOT_ALLOWED',
        `Host ${values.uuid} (${values.name_label}) is not in the backup: eject it first`,
      )
    keepPlace(db, host, { now, present: now.byUuid('host', values.uuid) })
  }
  return [...db.keptRows()]
}

/** A master that is not in this pool stands for the one that is, or gives way to it if the backup has both. */
function takeOverMaster(db: Database, now: Database): void {
  const master = masterOf(db)
  const present = now.get('host', masterOf(now))
  if (now.findUuid('host', db.get('host', master).uuid) !== undefined) return
  const here = db.findUuid('host', present.uuid)
  if (here === undefined) db.update(master, { uuid: present.uuid })
  else db.update(poolRef(db), { master: here })
}

/** Gives a host of the backup the address it has, on the interface it has. */
function keepPlace(db: Database, host: Ref<'host'>, { now, present }: { now: Database; present: Ref<'host'> }): void {
  const { address, metrics } = now.get('host', present)
  const devices = new Set([...now.get('host', present).PIFs].map((ref) => now.get('PIF', ref).device))
  const pifs = [...db.get('host', host).PIFs]
  for (const ref of pifs) {
    const { physical, device } = db.get('PIF', ref)
    if (physical && !devices.has(device)) throw fault('RESTORE_TARGET_MISSING_DEVICE', device)
  }
  const management = pifs.find((ref) => db.get('PIF', ref).management)
  if (management === undefined) throw fault('RESTORE_TARGET_MGMT_IF_NOT_IN_BACKUP')
  db.update(management, { IP: address })
  db.update(host, { address })
  const kept = db.get('host', host).metrics
  const live = now.find('host_metrics', metrics)?.live ?? false
  if (db.find('host_metrics', kept)) db.update(kept, { live })
  else db.update(host, { metrics: db.insert('host_metrics', { ...now.find('host_metrics', metrics), live }) })
}
