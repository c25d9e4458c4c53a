import { XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { assertCanJoin } from '../membership/join-checks.ts'
import { masterOf, poolRef, type Pool } from '../pool/pool.ts'
import { roleAllows } from '../session/roles.ts'

interface Joining {
  readonly address: string
  readonly user: string
  readonly password: string
  readonly force: boolean
}

/** The pool that somebody may have this host join: they log in at its master, as an operator at least. */
async function poolToJoin(call: Call, { address, user, password }: Joining): Promise<Pool> {
  const there = call.pool.moves.at(address.trim())
  // Only the hosts of this process can be reached.
  if (!there) throw fault('JOINING_HOST_CONNECTION_FAILED')
  const { pool, host } = there
  const master = masterOf(pool.db)
  if (host !== master) throw fault('HOST_IS_SLAVE', pool.db.get('host', master).address)
  if (pool.leaving) throw fault('JOINING_HOST_SERVICE_FAILED')
  const session = await pool.sessions.login(user, password, { originator: 'xapi', host, signal: call.hungUp })
  const { role } = pool.sessions.check(session)
  pool.sessions.close(session)
  if (roleAllows(pool.db.model, role, 'pool-operator')) return pool
  throw new XapiError('RBAC_PERMISSION_DENIED', ['pool.initial_auth', 'No permission in user session'])
}

async function join(call: Call, joining: Joining): Promise<void> {
  const target = await poolToJoin(call, joining)
  // While the login took its time, either pool may have gone elsewhere.
  if (call.pool.leaving) throw fault('HOST_STILL_BOOTING')
  if (target.leaving) throw fault('JOINING_HOST_SERVICE_FAILED')
  assertCanJoin(call.db, target.db, joining)
  await call.pool.moves.join(call.pool, target, { later: call.task.ref !== undefined })
}

/** Refuses to take a host out of its pool with the error a host gives, checks in its order. */
function assertCanEject(db: Database, host: Ref<'host'>): void {
  const { metrics, resident_VMs, PBDs } = db.get('host', host)
  if (!db.find('host_metrics', metrics)?.live) throw fault('HOST_OFFLINE', host)
  if (db.get('pool', poolRef(db)).ha_enabled) throw fault('HA_IS_ENABLED')
  const operations: readonly string[] = Object.values(db.get('pool', poolRef(db)).current_operations)
  if (operations.includes('apply_updates')) throw fault('NOT_SUPPORTED_DURING_UPGRADE')
  // A host has no better error for it.
  if (host === masterOf(db)) throw fault('INTERNAL_ERROR', 'Xapi_pool.Cannot_eject_master')
  for (const vm of resident_VMs) {
    const { is_control_domain, power_state } = db.get('VM', vm)
    if (!is_control_domain && power_state !== 'Halted') throw fault('OPERATION_NOT_ALLOWED', 'VM resident on host')
  }
  for (const pbd of PBDs) assertUnpluggable(db, host, db.get('PBD', pbd).SR)
}

/** Nobody may use a disk of the SR on the host, or work on it when it goes with the host. */
function assertUnpluggable(db: Database, host: Ref<'host'>, sr: Ref<'SR'>): void {
  const { VDIs, PBDs } = db.get('SR', sr)
  for (const vdi of VDIs) {
    const { VBDs, current_operations } = db.get('VDI', vdi)
    if (PBDs.size === 1 && Object.keys(current_operations).length > 0) throw fault('VDI_IN_USE', vdi, 'unplug')
    for (const ref of VBDs) {
      const { currently_attached, VM } = db.get('VBD', ref)
      if (currently_attached && db.get('VM', VM).resident_on === host) throw fault('VDI_IN_USE', vdi, 'unplug')
    }
  }
}

function isLive(db: Database, host: Ref<'host'>): boolean {
  return db.find('host_metrics', db.get('host', host).metrics)?.live ?? false
}

/** Who is in a pool, and who is its master. */
export const poolMembers: MethodSet = methods('pool', {
  join: (call, address, user, password) => join(call, { address, user, password, force: false }),
  join_force: (call, address, user, password) => join(call, { address, user, password, force: true }),

  async eject({ db, pool }, host) {
    assertCanEject(db, host)
    await pool.moves.eject(pool, host)
  },

  /** From then on the old master answers as a member does. */
  designate_new_master({ db }, host) {
    const { enabled } = db.get('host', host)
    if (!isLive(db, host)) throw fault('HOST_NOT_LIVE')
    if (!enabled) throw fault('HOST_DISABLED', host)
    db.update(poolRef(db), { master: host })
  },

  /** The host that is asked becomes the master, whatever became of the old one. */
  emergency_transition_to_master({ db, host }) {
    if (db.get('pool', poolRef(db)).ha_enabled) throw fault('HA_IS_ENABLED')
    db.update(poolRef(db), { master: host })
  },

  /** Members share one inventory here, so they follow a new master at once: only its own address leads them somewhere. */
  emergency_reset_master({ db, host }, address) {
    if (db.get('pool', poolRef(db)).ha_enabled) throw fault('HA_IS_ENABLED')
    const master = masterOf(db)
    if (address !== db.get('host', master).address) throw fault('HOST_UNKNOWN_TO_MASTER', host)
  },

  /** All members that are up, each of which follows this master. */
  recover_slaves({ db }) {
    const master = masterOf(db)
    return [...db.rows('host')].map(({ ref }) => ref).filter((ref) => ref !== master && isLive(db, ref))
  },

  is_slave: ({ db }, host) => db.row('host', host).ref !== masterOf(db),
})
