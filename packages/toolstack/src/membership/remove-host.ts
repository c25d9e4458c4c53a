import type { Database } from '../db/database.ts'
import { isNull, nullRef } from '../db/ref.ts'
import type { ClassName, Ref } from '../generated/rows.ts'

/** Classes whose objects are parts of one host, and have no parts of their own. */
const partClasses = [
  'PBD',
  'PGPU',
  'PUSB',
  'PCI',
  'host_cpu',
  'host_crashdump',
  'Certificate',
  'Cluster_host',
  'Feature',
  'Host_driver',
] as const satisfies readonly ClassName[]

/** Removes a host from the inventory with all that is part of it. SRs stay, also those that only it could reach. */
export function removeHost(db: Database, host: Ref<'host'>): void {
  const { metrics, control_domain } = db.get('host', host)
  // Rows may be removed while they are walked over.
  for (const cls of partClasses) {
    for (const { ref, values } of db.rows(cls)) if (values.host === host) db.remove(ref)
  }
  removePifs(db, host)
  for (const { ref, values } of db.rows('VM')) {
    if (values.affinity === host) db.update(ref, { affinity: nullRef })
    if (values.is_control_domain && values.resident_on === host) removeControlDomain(db, ref)
  }
  if (db.find('VM', control_domain)) removeControlDomain(db, control_domain)
  db.remove(metrics)
  db.remove(host)
}

function removePifs(db: Database, host: Ref<'host'>): void {
  const pifs = new Set<string>(db.get('host', host).PIFs)
  for (const { ref, values } of db.rows('VLAN')) {
    if (pifs.has(values.tagged_PIF) || pifs.has(values.untagged_PIF)) db.remove(ref)
  }
  for (const { ref, values } of db.rows('Bond')) if (pifs.has(values.master)) db.remove(ref)
  for (const { ref, values } of db.rows('tunnel')) if (pifs.has(values.access_PIF)) db.remove(ref)
  for (const { ref, values } of db.rows('network_sriov')) if (pifs.has(values.logical_PIF)) db.remove(ref)
  for (const pif of db.get('host', host).PIFs) {
    db.remove(db.get('PIF', pif).metrics)
    db.remove(pif)
  }
}

function removeControlDomain(db: Database, vm: Ref<'VM'>): void {
  const { VBDs, VIFs, consoles, metrics, guest_metrics } = db.get('VM', vm)
  for (const ref of [...VBDs, ...VIFs, ...consoles, metrics, guest_metrics]) db.remove(ref)
  db.remove(vm)
}

/** The SRs that only one host has a PBD of. */
export function localSrs(db: Database, host: Ref<'host'>): Ref<'SR'>[] {
  return [...db.get('host', host).PBDs]
    .map((pbd) => db.get('PBD', pbd).SR)
    .filter((sr) => db.find('SR', sr)?.PBDs.size === 1)
}

/** Removes the records of an SR and of what it holds, as `SR.forget` does. */
export function forgetSr(db: Database, sr: Ref<'SR'>): void {
  for (const vdi of db.get('SR', sr).VDIs) {
    for (const vbd of db.get('VDI', vdi).VBDs) {
      if (db.get('VBD', vbd).type === 'CD') db.update(vbd, { VDI: nullRef, empty: true })
      else db.remove(vbd)
    }
    db.remove(vdi)
  }
  for (const { ref, values } of db.rows('VM')) {
    if (!isNull(values.suspend_VDI) && !db.find('VDI', values.suspend_VDI)) db.update(ref, { suspend_VDI: nullRef })
  }
  for (const { ref, values } of db.rows('pool')) {
    if (values.default_SR === sr) db.update(ref, { default_SR: nullRef })
    if (values.suspend_image_SR === sr) db.update(ref, { suspend_image_SR: nullRef })
    if (values.crash_dump_SR === sr) db.update(ref, { crash_dump_SR: nullRef })
  }
  db.remove(sr)
}
