import type { Database } from '../db/database.ts'
import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import type { Enums, Ref } from '../generated/rows.ts'
import { guestAgentOf } from '../generate/guest-agent.ts'
import { updateFreeMemory } from './host-memory.ts'
import { addConsole, removeConsoles } from './consoles.ts'
import { attachGpus, detachGpus } from './gpu.ts'
import { passedThrough } from './pci.ts'
import { attachUsbs } from './usb.ts'

/** Makes a VM run on a host: devices are plugged, the guest comes up. */
export function bootVm(
  call: Pick<Call, 'db' | 'pool'>,
  vm: Ref<'VM'>,
  { host, paused }: { host: Ref<'host'>; paused: boolean },
): void {
  const { db, pool } = call
  const { memory_dynamic_max, VCPUs_at_startup, metrics } = db.get('VM', vm)
  const now = pool.clock.now()
  placeVm(db, vm, { host, state: paused ? 'Paused' : 'Running' })
  db.update(vm, {
    memory_target: memory_dynamic_max,
    requires_reboot: false,
    attached_PCIs: new Set(passedThrough(db, vm, host)),
  })
  plugDevices(db, vm)
  attachUsbs(db, vm, true)
  attachGpus(db, vm, host)
  updateMetrics(db, metrics, { now, memory: memory_dynamic_max, cpus: VCPUs_at_startup, start: now })
  removeGuestMetrics(db, vm)
  const agent = guestAgentOf(db, vm)
  if (agent) db.update(vm, { guest_metrics: db.insert('VM_guest_metrics', { ...agent, last_updated: now }) })
  updateFreeMemory(db, host)
}

/** Puts a VM that has its devices on a host, with a domain and consoles of its own. */
export function placeVm(
  db: Database,
  vm: Ref<'VM'>,
  { host, state }: { host: Ref<'host'>; state: Enums['vm_power_state'] },
): void {
  const before = db.get('VM', vm).resident_on
  db.update(vm, {
    power_state: state,
    resident_on: host,
    scheduled_to_be_resident_on: nullRef,
    domid: nextDomid(db, host),
    domarch: 'x64',
  })
  removeConsoles(db, vm)
  addConsole(db, vm, 'rfb')
  addConsole(db, vm, 'vt100')
  if (!isNull(before) && before !== host) updateFreeMemory(db, before)
  updateFreeMemory(db, host)
}

/** The number of the last domain of each host: numbers are not used again while the host is up. */
const lastDomids = new WeakMap<Database, Map<string, number>>()

function nextDomid(db: Database, host: Ref<'host'>): number {
  const last = lastDomids.get(db) ?? new Map<string, number>()
  lastDomids.set(db, last)
  let highest = last.get(host) ?? 0
  for (const vm of db.get('host', host).resident_VMs) highest = Math.max(highest, db.get('VM', vm).domid)
  last.set(host, highest + 1)
  return highest + 1
}

function plugDevices(db: Database, vm: Ref<'VM'>): void {
  const { VBDs, VIFs } = db.get('VM', vm)
  for (const vbd of VBDs) {
    const { userdevice, type, empty } = db.get('VBD', vbd)
    if (!empty || type === 'CD') db.update(vbd, { currently_attached: true, device: deviceName(userdevice) })
  }
  for (const vif of VIFs) db.update(vif, { currently_attached: true })
}

/** `3` → `xvdd`: the name under which the guest sees a disk. */
export function deviceName(userdevice: string): string {
  if (!/^\d+$/.test(userdevice)) return userdevice
  let number = Number(userdevice)
  let letters = ''
  do {
    letters = String.fromCodePoint(97 + (number % 26)) + letters
    number = Math.floor(number / 26) - 1
  } while (number >= 0)
  return `xvd${letters}`
}

function updateMetrics(
  db: Database,
  metrics: Ref<'VM_metrics'>,
  { now, memory, cpus, start }: { now: number; memory: number; cpus: number; start: number },
): void {
  if (!db.find('VM_metrics', metrics)) return
  db.update(metrics, {
    memory_actual: memory,
    VCPUs_number: cpus,
    start_time: start,
    last_updated: now,
    current_domain_type: memory > 0 ? 'hvm' : 'unspecified',
  })
}

/** What a host does when a VM's domain is gone. */
export function haltVm({ db, pool }: Pick<Call, 'db' | 'pool'>, vm: Ref<'VM'>): void {
  leaveHost(db, vm, 'Halted')
  const { VBDs, VIFs, metrics } = db.get('VM', vm)
  for (const vbd of VBDs)
    db.update(vbd, { currently_attached: false, reserved: false, device: '', current_operations: {} })
  for (const vif of VIFs) db.update(vif, { currently_attached: false, current_operations: {} })
  attachUsbs(db, vm, false)
  detachGpus(db, vm)
  updateMetrics(db, metrics, { now: pool.clock.now(), memory: 0, cpus: 0, start: 0 })
  removeGuestMetrics(db, vm)
}

/** The same without the devices: a suspended VM keeps them. */
export function leaveHost(db: Database, vm: Ref<'VM'>, state: 'Halted' | 'Suspended'): void {
  const host = db.get('VM', vm).resident_on
  db.update(vm, {
    power_state: state,
    resident_on: nullRef,
    scheduled_to_be_resident_on: nullRef,
    domid: -1,
    domarch: '',
    memory_target: 0,
    requires_reboot: false,
    attached_PCIs: new Set(),
  })
  removeConsoles(db, vm)
  if (!isNull(host)) updateFreeMemory(db, host)
}

function removeGuestMetrics(db: Database, vm: Ref<'VM'>): void {
  const { guest_metrics } = db.get('VM', vm)
  if (isNull(guest_metrics)) return
  db.update(vm, { guest_metrics: nullRef })
  db.remove(guest_metrics)
}
