import { XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import type { Enums, Ref } from '../generated/rows.ts'

/** Key of `PCI.other_config` that keeps whether the control domain uses the device; a simulated host has no boot loader to keep it. */
const accessKey = 'dom0-access'

/** Whether the control domain uses a device, or will. */
export function accessOf(db: Database, pci: Ref<'PCI'>): Enums['pci_dom0_access'] {
  const kept = db.get('PCI', pci).other_config[accessKey]
  return kept === 'disabled' || kept === 'disable_on_reboot' || kept === 'enable_on_reboot' ? kept : 'enabled'
}

/** Notes it, and gives it back. */
export function setAccess(db: Database, pci: Ref<'PCI'>, access: Enums['pci_dom0_access']): Enums['pci_dom0_access'] {
  const { [accessKey]: _before, ...others } = db.get('PCI', pci).other_config
  db.update(pci, { other_config: access === 'enabled' ? others : { ...others, [accessKey]: access } })
  return access
}

/** What was asked for a device takes effect when its host starts again. */
export function afterReboot({ db }: Pick<Call, 'db'>, host: Ref<'host'>): void {
  for (const pci of db.get('host', host).PCIs) {
    const access = accessOf(db, pci)
    if (access === 'disable_on_reboot') setAccess(db, pci, 'disabled')
    if (access === 'enable_on_reboot') setAccess(db, pci, 'enabled')
  }
  for (const pgpu of db.get('host', host).PGPUs) {
    db.update(pgpu, { dom0_access: accessOf(db, db.get('PGPU', pgpu).PCI) })
  }
}

/** Addresses of the devices that a machine is to have: `other_config:pci` is `0/0000:41:00.0,0/…`. */
function wantedDevices(db: Database, vm: Ref<'VM'>): ReadonlySet<string> {
  const parts = (db.get('VM', vm).other_config['pci'] ?? '').split(',')
  return new Set(parts.map((part) => part.trim().replace(/^\d+\//, '')).filter((address) => address !== ''))
}

/** The devices of a host that a machine is to have. */
export function passedThrough(db: Database, vm: Ref<'VM'>, host: Ref<'host'>): Ref<'PCI'>[] {
  const wanted = wantedDevices(db, vm)
  return [...db.get('host', host).PCIs].filter((pci) => wanted.has(db.get('PCI', pci).pci_id))
}

/** Why a machine can't have its devices on a host: one is not there, or another machine has it. */
export function pciProblem(db: Database, vm: Ref<'VM'>, host: Ref<'host'>): XapiError | undefined {
  const found = new Map(passedThrough(db, vm, host).map((pci) => [db.get('PCI', pci).pci_id, pci]))
  for (const address of wantedDevices(db, vm)) {
    const pci = found.get(address)
    const holders = pci ? [...db.get('PCI', pci).attached_VMs].filter((other) => other !== vm) : []
    if (pci && holders.length === 0) continue
    const why = pci ? 'is in use by another VM' : `is not on the host ${db.get('host', host).name_label}`
    // A host finds out when it builds the domain, and has no code of its own for it.
    return new XapiError('INTERNAL_ERROR', [`xenopsd internal error: the PCI device ${address} ${why}`])
  }
  return undefined
}

export const pci: MethodSet = methods('PCI', {
  get_dom0_access_status: ({ db }, self) => accessOf(db, self),
  disable_dom0_access({ db }, self) {
    const now = accessOf(db, self)
    if (now === 'disabled' || now === 'disable_on_reboot') return now
    return setAccess(db, self, now === 'enable_on_reboot' ? 'disabled' : 'disable_on_reboot')
  },
  enable_dom0_access({ db }, self) {
    const now = accessOf(db, self)
    if (now === 'enabled' || now === 'enable_on_reboot') return now
    return setAccess(db, self, now === 'disable_on_reboot' ? 'enabled' : 'enable_on_reboot')
  },
})
