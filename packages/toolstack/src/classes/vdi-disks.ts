import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { fault } from '../errors.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { attachedSr, smFeatures } from '../operations/storage-rules.ts'
import type { VdiFormat, VdiPlace, VdiState } from '../storage/storage-port.ts'

/** Fields of a VDI that follow from its files. */
export function stateFields(state: VdiState): Partial<Rows['VDI']> {
  return {
    location: state.location,
    virtual_size: state.virtualSize,
    physical_utilisation: state.physicalUtilisation,
    managed: state.managed,
    read_only: state.readOnly,
    cbt_enabled: state.cbtEnabled,
  }
}

/** Where a VDI's data is. */
export function placeOf({ db }: Call, vdi: Ref<'VDI'>): VdiPlace {
  const { SR, uuid } = db.get('VDI', vdi)
  return { sr: db.get('SR', SR).uuid, uuid }
}

type NewVdi = Partial<Rows['VDI']> & Pick<Rows['VDI'], 'SR' | 'virtual_size'>

/** Makes an empty disk and its record. */
export async function createVdi(call: Call, fields: NewVdi): Promise<Ref<'VDI'>> {
  const { db } = call
  const sr = attachedSr(db, fields.SR)
  if (!smFeatures(db, sr.type).has('VDI_CREATE')) throw fault('SR_OPERATION_NOT_SUPPORTED', fields.SR)
  const uuid = db.newUuid()
  const format = formatOf(fields.sm_config ?? {})
  const state = await call.pool.storage.create({ sr: sr.uuid, uuid }, { size: fields.virtual_size, format })
  return insertVdi(call, fields, state)
}

function formatOf(smConfig: Readonly<Record<string, string>>): VdiFormat | undefined {
  const wanted = smConfig['image-format'] ?? smConfig['type']
  return wanted === 'vhd' || wanted === 'raw' || wanted === 'qcow2' ? wanted : undefined
}

/** The record of a disk that the storage made. */
export function insertVdi({ db }: Call, fields: Partial<Rows['VDI']>, state: VdiState): Ref<'VDI'> {
  return db.insert('VDI', {
    type: 'user',
    ...fields,
    ...stateFields(state),
    uuid: state.uuid,
    sm_config: { ...fields.sm_config, ...state.smConfig },
  })
}

/** What a copy of a disk keeps of the original's record. */
function inherited(vdi: Rows['VDI']): Partial<Rows['VDI']> {
  const { name_label, name_description, SR, type, sharable, other_config, xenstore_data, tags, allow_caching } = vdi
  return { name_label, name_description, SR, type, sharable, other_config, xenstore_data, tags, allow_caching }
}

/** A frozen copy of a disk. */
export async function snapshotVdi(call: Call, vdi: Ref<'VDI'>): Promise<Ref<'VDI'>> {
  const state = await call.pool.storage.snapshot(placeOf(call, vdi), call.db.newUuid())
  return insertVdi(
    call,
    {
      ...inherited(call.db.get('VDI', vdi)),
      is_a_snapshot: true,
      snapshot_of: vdi,
      snapshot_time: call.pool.clock.now(),
    },
    state,
  )
}

/** A writable copy of a disk on the same SR. */
export async function cloneVdi(call: Call, vdi: Ref<'VDI'>): Promise<Ref<'VDI'>> {
  const state = await call.pool.storage.clone(placeOf(call, vdi), call.db.newUuid())
  return insertVdi(call, inherited(call.db.get('VDI', vdi)), state)
}

/** A full copy of a disk on any SR. */
export async function copyVdi(
  call: Call,
  vdi: Ref<'VDI'>,
  { sr, progress = call.task.progress }: { sr: Ref<'SR'>; progress?: (done: number) => void },
): Promise<Ref<'VDI'>> {
  const target = attachedSr(call.db, sr)
  const to: VdiPlace = { sr: target.uuid, uuid: call.db.newUuid() }
  const state = await call.pool.storage.copy(placeOf(call, vdi), to, { signal: call.task.signal, progress })
  return insertVdi(call, { ...inherited(call.db.get('VDI', vdi)), SR: sr }, state)
}

/** Removes a disk and its record; VBDs that showed it are removed too. */
export async function destroyVdi(call: Call, vdi: Ref<'VDI'>): Promise<void> {
  await call.pool.storage.destroy(placeOf(call, vdi))
  forgetVdi(call, vdi)
}

/** Removes the record of a disk only. */
export function forgetVdi({ db }: Call, vdi: Ref<'VDI'>): void {
  for (const vbd of db.get('VDI', vdi).VBDs) {
    if (db.get('VBD', vbd).type === 'CD') db.update(vbd, { VDI: nullRef, empty: true })
    else db.remove(vbd)
  }
  db.remove(vdi)
}

/** The disk of a VBD, if it has one. */
export function diskOf({ db }: Call, vbd: Ref<'VBD'>): Ref<'VDI'> | undefined {
  const { VDI } = db.get('VBD', vbd)
  return isNull(VDI) || !db.find('VDI', VDI) ? undefined : VDI
}
