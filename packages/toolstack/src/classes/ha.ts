import { MiB } from '@nixen/core'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { isSrAttached } from '../operations/storage-rules.ts'
import { withOperation } from '../operations/with-operation.ts'
import { masterOf, poolRef } from '../pool/pool.ts'
import { failoverPlan, isProtected, mostFailures, protectedVms, restartPriorities, updatePlan } from './ha-plan.ts'
import { addMessage } from './message.ts'
import { possibleHosts } from './placement.ts'
import { createVdi, destroyVdi } from './vdi-disks.ts'
import { bootVm } from './vm-runtime.ts'

/** SR types that a state file may be on. */
const statefileTypes: ReadonlySet<string> = new Set(['nfs', 'lvmoiscsi', 'lvmohba', 'lvmofcoe', 'smb', 'gfs2'])

/** The SRs for the state files: those asked for, or the first one that will do. */
function heartbeatSrs({ db }: Call, asked: readonly Ref<'SR'>[]): readonly Ref<'SR'>[] {
  for (const sr of asked) {
    if (!db.get('SR', sr).shared) throw fault('HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED', sr)
    if (!isSrAttached(db, sr)) throw fault('SR_HAS_NO_PBDS', sr)
  }
  if (asked.length > 0) return asked
  const found = [...db.rows('SR')].find(
    ({ ref, values }) => values.shared && statefileTypes.has(values.type) && isSrAttached(db, ref),
  )
  if (!found) throw fault('CANNOT_CREATE_STATE_FILE')
  return [found.ref]
}

async function enable(
  call: Call,
  asked: readonly Ref<'SR'>[],
  configuration: Readonly<Record<string, string>>,
): Promise<void> {
  const { db } = call
  const hosts = [...db.rows('host')]
  if (hosts.length < 2) throw fault('HA_TOO_FEW_HOSTS')
  const srs = heartbeatSrs(call, asked)
  for (const { ref, values } of hosts) if (!values.enabled) throw fault('HOST_DISABLED', ref)
  const files: Ref<'VDI'>[] = []
  for (const SR of srs) {
    const fields = { SR, name_label: 'Statefile for HA', name_description: 'Used for storage heartbeating' }
    files.push(await createVdi(call, { ...fields, virtual_size: 4 * MiB, type: 'ha_statefile', sharable: true }))
  }
  db.update(poolRef(db), {
    ha_enabled: true,
    ha_configuration: configuration,
    ha_statefiles: files,
    ha_cluster_stack: 'xhad',
  })
  const peers = hosts.map(({ values }) => values.uuid)
  for (const { ref } of hosts) db.update(ref, { ha_statefiles: files, ha_network_peers: peers })
  for (const { ref, values } of db.rows('VM')) {
    if (values.ha_restart_priority === 'restart' && values.power_state === 'Running')
      db.update(ref, { ha_always_run: true })
  }
  updatePlan(db)
}

async function disable(call: Call): Promise<void> {
  const { db } = call
  const pool = poolRef(db)
  // The rows that hold references as text name VDIs.
  const files = db.get('pool', pool).ha_statefiles as readonly Ref<'VDI'>[]
  db.update(pool, { ha_enabled: false, ha_configuration: {}, ha_statefiles: [], ha_cluster_stack: '' })
  for (const { ref } of db.rows('host')) db.update(ref, { ha_statefiles: [], ha_network_peers: [] })
  for (const vdi of files) if (db.find('VDI', vdi)) await destroyVdi(call, vdi)
  updatePlan(db)
}

/** A machine counts as wanted from its start to the end that somebody asks for. */
export function setWanted({ db }: Pick<Call, 'db'>, vm: Ref<'VM'>, wanted: boolean): void {
  const pool = db.get('pool', poolRef(db))
  if (!pool.ha_enabled || db.get('VM', vm).ha_restart_priority !== 'restart') return
  db.update(vm, { ha_always_run: wanted })
  updatePlan(db)
}

/**
 * What the other hosts do when one has failed and HA is on: a new master, protected machines start again, in their order, and then, as far as there
 * is room, those of best effort that ran on it.
 *
 * @param lost the machines that ran on the host
 */
export function hostFailed(call: Pick<Call, 'db' | 'pool'>, host: Ref<'host'>, lost: readonly Ref<'VM'>[]): void {
  const { db, pool } = call
  if (!db.get('pool', poolRef(db)).ha_enabled) return
  const { uuid, name_label } = db.get('host', host)
  addMessage(call, {
    name: 'HA_HOST_FAILED',
    priority: 3,
    cls: 'Host',
    obj_uuid: uuid,
    body: `Server '${name_label}' has failed`,
  })
  if (masterOf(db) === host) {
    const next = [...db.rows('host')].find(
      ({ values }) => values.enabled && db.find('host_metrics', values.metrics)?.live,
    )
    if (next) db.update(poolRef(db), { master: next.ref })
  }
  for (const vm of inOrder(db, protectedVms(db))) {
    if (restart({ db, pool }, vm)) continue
    const { uuid: obj_uuid, name_label: name } = db.get('VM', vm)
    const body = `VM '${name}' could not be started again`
    addMessage(call, { name: 'HA_PROTECTED_VM_RESTART_FAILED', priority: 2, cls: 'VM', obj_uuid, body })
  }
  const hopeful = lost.filter((vm) => db.find('VM', vm)?.ha_restart_priority === 'best-effort')
  // Nobody is told of those that find no place.
  for (const vm of inOrder(db, hopeful)) restart({ db, pool }, vm)
  updatePlan(db)
}

/** Those that are halted, by the order in which they start. */
function inOrder(db: Call['db'], vms: readonly Ref<'VM'>[]): Ref<'VM'>[] {
  const halted = vms.filter((vm) => db.get('VM', vm).power_state === 'Halted')
  return halted.toSorted((a, b) => db.get('VM', a).order - db.get('VM', b).order)
}

/** Whether there was a host to start the machine on. */
function restart({ db, pool }: Pick<Call, 'db' | 'pool'>, vm: Ref<'VM'>): boolean {
  const [target] = possibleHosts(db, vm)
  if (target) bootVm({ db, pool }, vm, { host: target, paused: false })
  return target !== undefined
}

export const poolHa: MethodSet = methods('pool', {
  async enable_ha(call, heartbeat_srs, configuration) {
    const work = (): Promise<void> => enable(call, heartbeat_srs, configuration)
    await withOperation(call, { cls: 'pool', op: 'ha_enable' }, poolRef(call.db), work)
  },

  async disable_ha(call) {
    await withOperation(call, { cls: 'pool', op: 'ha_disable' }, poolRef(call.db), () => disable(call))
  },

  ha_compute_max_host_failures_to_tolerate: ({ db }) => mostFailures(db),

  ha_compute_hypothetical_max_host_failures_to_tolerate({ db }, configuration) {
    const wanted = Object.entries(configuration).filter(([, priority]) => priority === 'restart')
    for (const [, priority] of Object.entries(configuration)) assertPriority(priority)
    // Each is looked up, so that only machines count.
    return mostFailures(
      db,
      wanted.map(([vm]) => db.row('VM', vm as Ref<'VM'>).ref),
    )
  },

  ha_failover_plan_exists: ({ db }, n) => n <= mostFailures(db),

  ha_compute_vm_failover_plan({ db }, failed_hosts, failed_vms) {
    const plan = failoverPlan(db, new Set(failed_hosts), failed_vms)
    return Object.fromEntries(
      failed_vms.map((vm) => {
        const host = plan?.get(vm)
        return [vm, host === undefined ? { error_code: 'HOST_NOT_ENOUGH_FREE_MEMORY' } : { host }]
      }),
    ) as never
  },

  set_ha_host_failures_to_tolerate({ db }, self, value) {
    db.get('pool', self)
    if (value < 0) throw fault('INVALID_VALUE', 'ha_host_failures_to_tolerate', String(value))
    if (db.get('pool', self).ha_enabled && value > mostFailures(db)) throw fault('HA_NO_PLAN')
    db.update(self, { ha_host_failures_to_tolerate: value })
    updatePlan(db)
  },

  ha_prevent_restarts_for({ db }) {
    if (!db.get('pool', poolRef(db)).ha_enabled) throw fault('HA_NOT_ENABLED')
  },
})

function assertPriority(value: string): void {
  if (!restartPriorities.includes(value)) throw fault('INVALID_VALUE', 'ha_restart_priority', value)
}

export const vmHa: MethodSet = methods('VM', {
  set_ha_restart_priority({ db }, self, value) {
    assertPriority(value)
    const { ha_restart_priority, ha_always_run, power_state } = db.get('VM', self)
    const { ha_enabled, ha_host_failures_to_tolerate } = db.get('pool', poolRef(db))
    db.update(self, {
      ha_restart_priority: value,
      ha_always_run: value === 'restart' && ha_enabled && power_state === 'Running',
    })
    if (isProtected(db, self) && mostFailures(db) < ha_host_failures_to_tolerate) {
      db.update(self, { ha_restart_priority, ha_always_run })
      throw fault('HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN')
    }
    updatePlan(db)
  },
})

export const hostHa: MethodSet = methods('host', {
  ha_xapi_healthcheck: () => true,

  /** Takes HA away as a last resort, from the host that is asked. */
  emergency_ha_disable({ db, host }) {
    if (!db.get('pool', poolRef(db)).ha_enabled) throw fault('HA_NOT_ENABLED')
    db.update(host, { ha_statefiles: [], ha_network_peers: [] })
  },
})
