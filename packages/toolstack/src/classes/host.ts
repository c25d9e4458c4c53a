import { XapiError } from '@nixen/xapi'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { updatePoolCpus } from '../membership/pool-cpus.ts'
import { removeHost } from '../membership/remove-host.ts'
import { masterOf } from '../pool/pool.ts'
import { hostFailed } from './ha.ts'
import { hostMemory } from './host-memory.ts'
import { hostStarted } from './host-start.ts'
import { bootProblem, possibleHosts } from './placement.ts'
import { haltVm, placeVm } from './vm-runtime.ts'

/** The machines on a host, without its control domain. */
function guestsOf({ db }: Call, host: Ref<'host'>): Ref<'VM'>[] {
  return [...db.get('host', host).resident_VMs].filter((vm) => !db.get('VM', vm).is_control_domain)
}

/** Why machines can't leave a host: code and parameters for each. */
function evacuationProblems(call: Call, host: Ref<'host'>): Record<string, readonly string[]> {
  const { db } = call
  const problems: Record<string, readonly string[]> = {}
  for (const vm of guestsOf(call, host)) {
    const others = [...db.rows('host')].map(({ ref }) => ref).filter((ref) => ref !== host)
    if (others.some((other) => !bootProblem(db, vm, other))) continue
    const [first] = others
    const problem = first ? bootProblem(db, vm, first) : undefined
    problems[vm] = problem ? [problem.code, ...problem.params] : ['NO_HOSTS_AVAILABLE']
  }
  return problems
}

function setLive({ db }: Call, host: Ref<'host'>, live: boolean): void {
  db.update(db.get('host', host).metrics, { live })
}

/** The error of the first machine that can't leave. */
function evacuationError(call: Call, host: Ref<'host'>): Error {
  const [[code = 'NO_HOSTS_AVAILABLE', ...params] = []] = Object.values(evacuationProblems(call, host))
  return new XapiError(code, params)
}

async function evacuate(call: Call, host: Ref<'host'>): Promise<void> {
  const { db, pool } = call
  const guests = guestsOf(call, host)
  for (const [i, vm] of guests.entries()) {
    const target = possibleHosts(db, vm).find((other) => other !== host)
    if (!target) throw evacuationError(call, host)
    await pool.clock.sleep(pool.faults.delayOf('VM.pool_migrate'), { signal: call.task.signal })
    placeVm(db, vm, { host: target, state: db.get('VM', vm).power_state })
    call.task.progress((i + 1) / guests.length)
  }
}

/** Keeps only what a stopped host does not know. */
function stopHost(call: Call, host: Ref<'host'>): void {
  if (guestsOf(call, host).length > 0) throw fault('HOST_HAS_RESIDENT_VMS', host)
}

export const host: MethodSet = methods('host', {
  disable: ({ db }, self) => db.update(self, { enabled: false }),
  enable({ db }, self) {
    if (!db.find('host_metrics', db.get('host', self).metrics)?.live) throw fault('HOST_NOT_LIVE')
    db.update(self, { enabled: true })
  },

  evacuate,

  assert_can_evacuate(call, self) {
    const [problem] = Object.values(evacuationProblems(call, self))
    if (problem) throw fault('CANNOT_EVACUATE_HOST', problem.join('|'))
  },

  get_vms_which_prevent_evacuation: (call, self) => evacuationProblems(call, self) as never,
  get_uncooperative_resident_VMs: () => [],
  retrieve_wlb_evacuate_recommendations: () => ({}),

  async reboot(call, self) {
    stopHost(call, self)
    const { db, pool } = call
    // The one that answers goes on answering, and is otherwise as after a start.
    if (self !== masterOf(db)) setLive(call, self, false)
    await pool.clock.sleep(pool.faults.delayOf('host.reboot'), { signal: call.task.signal })
    hostStarted(call, self)
  },

  shutdown(call, self) {
    stopHost(call, self)
    if (self === masterOf(call.db))
      throw fault('OPERATION_NOT_ALLOWED', 'The simulated coordinator does not shut down; stop the toolstack instead')
    setLive(call, self, false)
  },

  async power_on(call, self) {
    await call.pool.moves.powerOn(call.pool, self)
    hostStarted(call, self)
  },

  declare_dead(call, self) {
    setLive(call, self, false)
    call.db.update(self, { enabled: false })
    const lost = guestsOf(call, self)
    for (const vm of lost) haltVm(call, vm)
    hostFailed(call, self, lost)
  },

  destroy({ db }, self) {
    if (self === masterOf(db)) throw fault('HOST_CANNOT_DESTROY_SELF', self)
    const { resident_VMs } = db.get('host', self)
    if ([...resident_VMs].some((vm) => !db.get('VM', vm).is_control_domain)) throw fault('HOST_HAS_RESIDENT_VMS', self)
    removeHost(db, self)
    updatePoolCpus(db)
  },

  compute_free_memory: ({ db }, self) => hostMemory(db, self).free,
  compute_memory_overhead: ({ db }, self) => db.get('host', self).memory_overhead,
  get_servertime: ({ pool }) => pool.clock.now(),
  get_server_localtime: ({ pool }) => pool.clock.now(),
  get_management_interface({ db }, self) {
    for (const ref of db.get('host', self).PIFs) if (db.get('PIF', ref).management) return ref
    throw fault('HOST_HAS_NO_MANAGEMENT_IP')
  },
  get_system_status_capabilities: () =>
    '<?xml version="1.0"?><system-status-capabilities></system-status-capabilities>',
  list_methods: ({ db }) => [...new Set([...db.model.messages.values()].map(({ wireName }) => wireName))],
  has_extension: () => false,
  call_extension(_call, _host, name) {
    throw fault('MESSAGE_METHOD_UNKNOWN', name)
  },
  dmesg: () => '',
  dmesg_clear: () => '',
  get_log: () => '',
  restart_agent: ({ db }, self) => void db.get('host', self),
  sync_data: ({ db }, self) => void db.get('host', self),
  backup_rrds: ({ db }, self) => void db.get('host', self),
  syslog_reconfigure: ({ db }, self) => void db.get('host', self),
  set_hostname_live: ({ db }, self, hostname) => db.update(self, { hostname }),
  set_power_on_mode: ({ db }, self, mode, config) => db.update(self, { power_on_mode: mode, power_on_config: config }),
  enable_display: ({ db }, self) => (db.update(self, { display: 'enabled' }), 'enabled' as const),
  disable_display: ({ db }, self) => (db.update(self, { display: 'disabled' }), 'disabled' as const),
  get_sched_gran: () => 'core',
  enable_ssh: ({ db }, self) => db.update(self, { ssh_enabled: true }),
  disable_ssh: ({ db }, self) => db.update(self, { ssh_enabled: false }),
  get_ntp_synchronized: () => true,
  list_timezones: () => Intl.supportedValuesOf('timeZone'),
  get_tracked_user_agents: () => ({}),
  enable_local_storage_caching: ({ db }, self, sr) => db.update(self, { local_cache_sr: sr }),
  apply_edition: ({ db }, self, edition) => db.update(self, { edition }),
  get_server_certificate({ db, pool }, self) {
    db.get('host', self)
    return pool.certificates.get(self)?.cert ?? ''
  },
})
