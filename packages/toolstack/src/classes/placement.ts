import type { XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import { isNull } from '../db/ref.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { hostMemory } from './host-memory.ts'
import { gpuProblem } from './gpu.ts'
import { pciProblem } from './pci.ts'
import { usbProblem } from './usb.ts'

/** Why a VM can't run on a host, in the order a host checks; `undefined` when it can. */
export function bootProblem(db: Database, vm: Ref<'VM'>, host: Ref<'host'>): XapiError | undefined {
  const { enabled, metrics } = db.get('host', host)
  if (!enabled) return fault('HOST_DISABLED', host)
  if (!db.find('host_metrics', metrics)?.live) return fault('HOST_NOT_LIVE')
  const { attached_PCIs, resident_on } = db.get('VM', vm)
  // What it has now stays where it is.
  if (attached_PCIs.size > 0 && resident_on !== host) return fault('VM_HAS_PCI_ATTACHED', vm)
  return reachProblem(db, vm, host) ?? memoryProblem(db, vm, host)
}

/** What the host does not have of the VM's disks, networks and devices. */
export function reachProblem(db: Database, vm: Ref<'VM'>, host: Ref<'host'>): XapiError | undefined {
  const { VBDs, VIFs } = db.get('VM', vm)
  for (const vbd of VBDs) {
    const { VDI } = db.get('VBD', vbd)
    const sr = db.find('VDI', VDI)?.SR
    if (sr && !seesSr(db, host, sr)) return fault('VM_REQUIRES_SR', vm, sr)
  }
  for (const vif of VIFs) {
    const { network } = db.get('VIF', vif)
    if (!seesNetwork(db, host, network)) return fault('VM_REQUIRES_NETWORK', vm, network)
  }
  return pciProblem(db, vm, host) ?? usbProblem(db, vm, host) ?? gpuProblem(db, vm, host)
}

/** Whether the host has the SR plugged. */
export function seesSr(db: Database, host: Ref<'host'>, sr: Ref<'SR'>): boolean {
  for (const ref of db.find('SR', sr)?.PBDs ?? []) {
    const pbd = db.get('PBD', ref)
    if (pbd.host === host && pbd.currently_attached) return true
  }
  return false
}

/** Whether the host can put a VIF on the network: it has a PIF there, or the network has none at all and is internal. */
function seesNetwork(db: Database, host: Ref<'host'>, network: Ref<'network'>): boolean {
  const { PIFs } = db.get('network', network)
  if (PIFs.size === 0) return true
  return [...PIFs].some((pif) => db.get('PIF', pif).host === host)
}

function memoryProblem(db: Database, vm: Ref<'VM'>, host: Ref<'host'>): XapiError | undefined {
  const { memory_dynamic_min, memory_overhead, resident_on } = db.get('VM', vm)
  const needed = resident_on === host ? 0 : memory_dynamic_min + memory_overhead
  const { free } = hostMemory(db, host)
  return needed > free ? fault('HOST_NOT_ENOUGH_FREE_MEMORY', String(needed), String(free)) : undefined
}

/** The hosts on which a VM can run, the one with most free memory first. */
export function possibleHosts(db: Database, vm: Ref<'VM'>): Ref<'host'>[] {
  return [...db.rows('host')]
    .map(({ ref }) => ref)
    .filter((host) => !bootProblem(db, vm, host))
    .sort((a, b) => hostMemory(db, b).free - hostMemory(db, a).free)
}

/** The host to start a VM on: its affinity if that will do. With one host its own error says why not. */
export function placement(db: Database, vm: Ref<'VM'>): Ref<'host'> {
  const { affinity } = db.get('VM', vm)
  const hosts = possibleHosts(db, vm)
  if (!isNull(affinity) && hosts.includes(affinity)) return affinity
  const [best] = hosts
  if (best !== undefined) return best
  const [only, other] = [...db.rows('host')]
  const problem = only && !other ? bootProblem(db, vm, only.ref) : undefined
  throw problem ?? fault('NO_HOSTS_AVAILABLE')
}
