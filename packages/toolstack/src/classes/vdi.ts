import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { withOperation } from '../operations/with-operation.ts'
import { cloneVdi, copyVdi, createVdi, destroyVdi, forgetVdi, placeOf, snapshotVdi, stateFields } from './vdi-disks.ts'

async function resize(call: Call, vdi: Ref<'VDI'>, size: number): Promise<void> {
  const { virtual_size } = call.db.get('VDI', vdi)
  if (size < virtual_size) throw fault('VDI_TOO_SMALL', vdi, String(virtual_size))
  call.db.update(vdi, stateFields(await call.pool.storage.resize(placeOf(call, vdi), size)))
}

async function setCbt(call: Call, vdi: Ref<'VDI'>, enabled: boolean): Promise<void> {
  if (call.db.get('VDI', vdi).cbt_enabled === enabled) return
  await call.pool.storage.setCbt(placeOf(call, vdi), enabled)
  call.db.update(vdi, { cbt_enabled: enabled })
}

type Introduced = Partial<Rows['VDI']> & Pick<Rows['VDI'], 'uuid' | 'SR'>

function introduce({ db }: Call, fields: Introduced): Ref<'VDI'> {
  db.get('SR', fields.SR)
  return db.insert('VDI', { managed: true, ...fields, uuid: fields.uuid || db.newUuid() })
}

export const vdi: MethodSet = methods('VDI', {
  async create(call, args) {
    const { db } = call
    db.get('SR', args.SR)
    if (args.virtual_size < 0) throw fault('INVALID_VALUE', 'virtual_size', String(args.virtual_size))
    const operation = { cls: 'SR', op: 'vdi_create' } as const
    // `withOperation` resolves to what the work does.
    return (await withOperation(call, operation, args.SR, () => createVdi(call, args))) as Ref<'VDI'>
  },

  destroy: destroyVdi,

  async snapshot(call, self) {
    return await snapshotVdi(call, self)
  },

  async clone(call, self) {
    return await cloneVdi(call, self)
  },

  async copy(call, self, sr, base_vdi, into_vdi) {
    const { db } = call
    if (!isNull(into_vdi)) {
      const base = isNull(base_vdi) ? undefined : placeOf(call, base_vdi)
      const { progress, signal } = call.task
      const state = await call.pool.storage.copy(placeOf(call, self), placeOf(call, into_vdi), {
        base,
        progress,
        signal,
      })
      db.update(into_vdi, { physical_utilisation: state.physicalUtilisation })
      return into_vdi
    }
    db.get('SR', sr)
    return await copyVdi(call, self, { sr })
  },

  resize,
  resize_online: resize,
  forget: forgetVdi,
  db_forget: forgetVdi,

  async update(call, self) {
    const { SR, uuid } = call.db.get('VDI', self)
    const { vdis } = await call.pool.storage.scan(call.db.get('SR', SR).uuid)
    const state = vdis.find((disk) => disk.uuid === uuid)
    if (state) call.db.update(self, stateFields(state))
  },

  introduce(call, uuid, name_label, name_description, SR, type, sharable, read_only, other_config, location, ...more) {
    const [xenstore_data, sm_config, managed, virtual_size, physical_utilisation, metadata_of_pool] = more
    const fields = { uuid, name_label, name_description, SR, type, sharable, read_only, other_config, location }
    return introduce(call, {
      ...fields,
      xenstore_data,
      sm_config,
      managed,
      virtual_size,
      physical_utilisation,
      metadata_of_pool,
      is_a_snapshot: more[6],
      snapshot_time: more[7],
      snapshot_of: more[8],
    })
  },

  enable_cbt: (call, self) => setCbt(call, self, true),
  disable_cbt: (call, self) => setCbt(call, self, false),

  async data_destroy(call, self) {
    const { db } = call
    for (const vbd of db.get('VDI', self).VBDs) {
      if (db.get('VBD', vbd).currently_attached) throw fault('VDI_IN_USE', self, 'data_destroy')
    }
    await call.pool.storage.dataDestroy(placeOf(call, self))
    for (const vbd of db.get('VDI', self).VBDs) db.remove(vbd)
    db.update(self, { type: 'cbt_metadata', physical_utilisation: 0 })
  },

  async list_changed_blocks(call, from, to) {
    return await call.pool.storage.listChangedBlocks(placeOf(call, from), placeOf(call, to))
  },

  /** Moves a disk that runs to another SR; its machine keeps running. */
  async pool_migrate(call, self, sr) {
    const { db } = call
    db.get('SR', sr)
    if (db.get('VDI', self).SR === sr) return self
    if (db.get('VDI', self).VBDs.size === 0) throw fault('VDI_NEEDS_VM_FOR_MIGRATE', self)
    const moved = await copyVdi(call, self, { sr })
    for (const vbd of db.get('VDI', self).VBDs) db.update(vbd, { VDI: moved })
    await destroyVdi(call, self)
    return moved
  },

  revert({ db }, snapshot) {
    const { is_a_snapshot, SR } = db.get('VDI', snapshot)
    if (!is_a_snapshot) throw fault('OPERATION_NOT_ALLOWED', 'VDI is not a snapshot')
    // No driver here has the feature VDI_REVERT.
    throw fault('SR_OPERATION_NOT_SUPPORTED', SR)
  },

  set_on_boot: ({ db }, self, value) => db.update(self, { on_boot: value }),
  set_snapshot_of: ({ db }, self, value) => db.update(self, { snapshot_of: isNull(value) ? nullRef : value }),
  set_is_a_snapshot: ({ db }, self, value) => db.update(self, { is_a_snapshot: value }),
  set_snapshot_time: ({ db }, self, value) => db.update(self, { snapshot_time: value }),
  set_cbt_enabled: ({ db }, self, value) => db.update(self, { cbt_enabled: value }),
})
