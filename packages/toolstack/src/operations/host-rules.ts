import type { Database } from '../db/database.ts'
import { fault } from '../errors.ts'
import type { Enums, Ref } from '../generated/rows.ts'
import { busy } from './conflicts.ts'
import { operations } from './rules-data.ts'

const { creating, removing } = operations.host

/** The error that `op` on a host gets now; `undefined` when it is allowed. */
export function hostProblem(db: Database, ref: Ref<'host'>, op: Enums['host_allowed_operations']): Error | undefined {
  const host = db.get('host', ref)
  const current = Object.entries(host.current_operations)
  const excluded = creating.includes(op) ? removing : removing.includes(op) ? [...creating, ...removing] : [op]
  const conflicts = current.filter(([, other]) => excluded.includes(other))
  if (conflicts.length > 0 && op !== 'vm_start') return busy('host', ref, conflicts)
  const live = db.find('host_metrics', host.metrics)?.live ?? false
  if (op === 'power_on') {
    if (live) return fault('HOST_IS_LIVE', ref)
    return host.power_on_mode === '' ? fault('HOST_POWER_ON_MODE_DISABLED') : undefined
  }
  if ((op === 'reboot' || op === 'shutdown' || op === 'apply_updates') && host.enabled)
    return fault('HOST_NOT_DISABLED')
  return undefined
}

const inProgress: Partial<Record<Enums['pool_allowed_operations'], () => Error>> = {
  ha_enable: () => fault('HA_ENABLE_IN_PROGRESS'),
  ha_disable: () => fault('HA_DISABLE_IN_PROGRESS'),
  cluster_create: () => fault('CLUSTER_CREATE_IN_PROGRESS'),
  designate_new_master: () => fault('DESIGNATE_NEW_MASTER_IN_PROGRESS'),
  configure_repositories: () => fault('CONFIGURE_REPOSITORIES_IN_PROGRESS'),
  sync_updates: () => fault('SYNC_UPDATES_IN_PROGRESS'),
  sync_bundle: () => fault('SYNC_BUNDLE_IN_PROGRESS'),
  apply_updates: () => fault('APPLY_UPDATES_IN_PROGRESS'),
  tls_verification_enable: () => fault('TLS_VERIFICATION_ENABLE_IN_PROGRESS'),
}

/** The error that `op` on a pool gets now; `undefined` when it is allowed. */
export function poolProblem(db: Database, ref: Ref<'pool'>, op: Enums['pool_allowed_operations']): Error | undefined {
  const pool = db.get('pool', ref)
  for (const other of Object.values(pool.current_operations)) {
    const error = inProgress[other]
    if (error) return error()
  }
  const waiting = Object.entries(pool.current_operations)
  if (waiting.length > 0) return busy('pool', ref, waiting)
  if (op === 'ha_enable' && pool.ha_enabled) return fault('HA_IS_ENABLED')
  return op === 'ha_disable' && !pool.ha_enabled ? fault('HA_NOT_ENABLED') : undefined
}
