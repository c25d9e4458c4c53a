import type { Database } from '../db/database.ts'
import { nullRef } from '../db/ref.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import type { SrChange } from './sr-driver.ts'
import { unwrittenKey, type VdiState } from './storage-port.ts'

/** The keys of `VDI.sm_config` that the storage writes. */
const ownKeys: ReadonlySet<string> = new Set(['vhd-parent', 'image-format', 'type', unwrittenKey])

/** Brings the records of an SR in line with what its storage says changed. */
export function applyChange(db: Database, sr: string, change: Omit<SrChange, 'sr'>): void {
  const srRef = db.findUuid('SR', sr)
  if (srRef === undefined) return
  for (const state of change.changed) {
    const vdi = recordOf(db, srRef, state)
    if (vdi) updateRecord(db, vdi, state)
    else if (!state.managed) insertRecord(db, srRef, state)
  }
  for (const uuid of change.removed) {
    const vdi = db.findUuid('VDI', uuid)
    // What was hidden has no use; a disk that somebody asked to remove goes with that call.
    if (vdi !== undefined && !db.get('VDI', vdi).managed) db.remove(vdi)
  }
  updateTotals(db, srRef)
}

/**
 * After a look at all of an SR: also adds what was found and removes what is gone. Disks in `moving` come or go with a call that is under way,
 * which sees to their records. Returns the states with the UUIDs that the records have.
 */
export function applyScan(
  db: Database,
  sr: string,
  { states, moving }: { states: readonly VdiState[]; moving: ReadonlySet<string> },
): VdiState[] {
  const srRef = db.findUuid('SR', sr)
  if (srRef === undefined) return [...states]
  const found = new Map<Ref<'VDI'>, VdiState>()
  for (const state of states) {
    const known = recordOf(db, srRef, state)
    if (known === undefined && moving.has(state.uuid)) continue
    if (known !== undefined) updateRecord(db, known, state)
    const vdi = known ?? insertRecord(db, srRef, state)
    found.set(vdi, { ...state, uuid: db.get('VDI', vdi).uuid })
  }
  for (const vdi of db.get('SR', srRef).VDIs) {
    const { sm_config, uuid } = db.get('VDI', vdi)
    if (!found.has(vdi) && !Object.hasOwn(sm_config, unwrittenKey) && !moving.has(uuid)) removeRecord(db, vdi)
  }
  updateTotals(db, srRef)
  return [...found.values()]
}

function recordOf(db: Database, sr: Ref<'SR'>, state: VdiState): Ref<'VDI'> | undefined {
  const vdi = db.findUuid('VDI', state.uuid)
  if (vdi !== undefined) return vdi
  if (state.location === state.uuid) return undefined
  // The files of an ISO SR are known by their names.
  return [...db.get('SR', sr).VDIs].find((ref) => db.get('VDI', ref).location === state.location)
}

function updateRecord(db: Database, vdi: Ref<'VDI'>, state: VdiState): void {
  const { sm_config } = db.get('VDI', vdi)
  const kept = Object.entries(sm_config).filter(([key]) => !ownKeys.has(key))
  db.update(vdi, { ...fieldsOf(state), sm_config: { ...Object.fromEntries(kept), ...state.smConfig } })
}

function insertRecord(db: Database, sr: Ref<'SR'>, state: VdiState): Ref<'VDI'> {
  return db.insert('VDI', {
    ...fieldsOf(state),
    uuid: state.uuid,
    SR: sr,
    name_label: state.managed ? (state.location === state.uuid ? '' : state.location) : 'base copy',
    name_description: '',
    type: 'user',
    sm_config: state.smConfig,
  })
}

function fieldsOf(state: VdiState): Partial<Rows['VDI']> {
  return {
    location: state.location,
    virtual_size: state.virtualSize,
    physical_utilisation: state.physicalUtilisation,
    managed: state.managed,
    read_only: state.readOnly,
    cbt_enabled: state.cbtEnabled,
  }
}

function removeRecord(db: Database, vdi: Ref<'VDI'>): void {
  for (const vbd of db.get('VDI', vdi).VBDs) {
    if (db.get('VBD', vbd).type === 'CD') db.update(vbd, { VDI: nullRef, empty: true })
    else db.remove(vbd)
  }
  db.remove(vdi)
}

/** What the SR holds is what its disks say: the size of a simulated array is not that of the directory behind it. */
export function updateTotals(db: Database, sr: Ref<'SR'>): void {
  let physical_utilisation = 0
  let virtual_allocation = 0
  for (const ref of db.get('SR', sr).VDIs) {
    const vdi = db.get('VDI', ref)
    physical_utilisation += vdi.physical_utilisation
    if (vdi.managed) virtual_allocation += vdi.virtual_size
  }
  db.update(sr, { physical_utilisation, virtual_allocation })
}
