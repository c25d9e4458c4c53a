import type { Database } from '../db/database.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import type { Enums, Ref } from '../generated/rows.ts'

/** Key of `PCI.other_config` that keeps whether the control domain uses the device; a simulated host has no boot loader to keep it. */
const accessKey = 'dom0-access'

function accessOf(db: Database, pci: Ref<'PCI'>): Enums['pci_dom0_access'] {
  const kept = db.get('PCI', pci).other_config[accessKey]
  return kept === 'disabled' || kept === 'disable_on_reboot' || kept === 'enable_on_reboot' ? kept : 'enabled'
}

function setAccess(db: Database, pci: Ref<'PCI'>, access: Enums['pci_dom0_access']): Enums['pci_dom0_access'] {
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
}

/** The devices of a host that a machine is to have: `other_config:pci` is `0/0000:41:00.0,0/…`. */
export function passedThrough(db: Database, vm: Ref<'VM'>, host: Ref<'host'>): Ref<'PCI'>[] {
  const parts = (db.get('VM', vm).other_config['pci'] ?? '').split(',')
  const wanted = new Set(parts.map((part) => part.trim().replace(/^\d+\//, '')))
  return [...db.get('host', host).PCIs].filter((pci) => wanted.has(db.get('PCI', pci).pci_id))
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
