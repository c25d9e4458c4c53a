import type { Database } from '../db/database.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'

/** Key of `VBD.other_config` of what the control domain has attached for a transfer; such VBDs do not survive a restart. */
const transferKey = 'transfer'

/**
 * Shows a disk as attached to the control domain of a host while it is transferred. `VDI_IN_USE` when a machine writes it, or, for a writer, when
 * anybody has it.
 */
export function attachToDom0(
  db: Database,
  vdi: Ref<'VDI'>,
  { host, mode }: { host: Ref<'host'>; mode: 'RO' | 'RW' },
): Disposable {
  const { VBDs, managed } = db.get('VDI', vdi)
  if (!managed) throw fault('VDI_NOT_MANAGED', vdi)
  for (const ref of VBDs) {
    const other = db.get('VBD', ref)
    if (other.currently_attached && (mode === 'RW' || other.mode === 'RW')) throw fault('VDI_IN_USE', vdi, 'attach')
  }
  const dom0 = db.get('host', host).control_domain
  const vbd = db.insert('VBD', {
    VM: dom0,
    VDI: vdi,
    userdevice: freeDevice(db, dom0),
    mode,
    type: 'Disk',
    currently_attached: true,
    empty: false,
    other_config: { [transferKey]: 'true' },
  })
  return {
    [Symbol.dispose]() {
      if (db.find('VBD', vbd)) db.remove(vbd)
    },
  }
}

function freeDevice(db: Database, vm: Ref<'VM'>): string {
  const taken = new Set([...(db.find('VM', vm)?.VBDs ?? [])].map((vbd) => db.get('VBD', vbd).userdevice))
  let device = 0
  while (taken.has(String(device))) device++
  return String(device)
}

/** Removes what transfers of an earlier process left attached. */
export function dropTransfers(db: Database): void {
  for (const { ref, values } of db.rows('VBD')) {
    if (Object.hasOwn(values.other_config, transferKey)) db.remove(ref)
  }
}
