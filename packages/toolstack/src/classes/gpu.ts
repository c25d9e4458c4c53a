import type { XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { accessOf, setAccess } from './pci.ts'

/** How many more of a type a processor can give. Types of different kinds do not share one. */
function capacity(db: Database, pgpu: Ref<'PGPU'>, type: Ref<'VGPU_type'>): number {
  const { size, resident_VGPUs, enabled_VGPU_types } = db.get('PGPU', pgpu)
  if (!enabled_VGPU_types.has(type)) return 0
  let taken = 0
  for (const vgpu of resident_VGPUs) {
    const { type: other } = db.get('VGPU', vgpu)
    // As NVIDIA's processors: all shares of one are of the same type.
    if (other !== type) return 0
    taken += db.get('VGPU_type', other).size
  }
  return Math.floor((size - taken) / db.get('VGPU_type', type).size)
}

/** The processor of a host that gives a machine its virtual one; `undefined` when none can. */
function pgpuFor(db: Database, vgpu: Ref<'VGPU'>, host: Ref<'host'>): Ref<'PGPU'> | undefined {
  const { GPU_group, type } = db.get('VGPU', vgpu)
  return [...(db.find('GPU_group', GPU_group)?.PGPUs ?? [])].find(
    (pgpu) => db.get('PGPU', pgpu).host === host && capacity(db, pgpu, type) > 0,
  )
}

/** Why a machine can't have its graphics processors on a host; `undefined` when it can, or has them there. */
export function gpuProblem(db: Database, vm: Ref<'VM'>, host: Ref<'host'>): XapiError | undefined {
  const { VGPUs, resident_on } = db.get('VM', vm)
  for (const vgpu of VGPUs) {
    const { currently_attached, GPU_group, type } = db.get('VGPU', vgpu)
    if (currently_attached) {
      if (resident_on !== host) return fault('VM_HAS_VGPU', vm)
    } else if (pgpuFor(db, vgpu, host) === undefined) {
      const whole = db.get('VGPU_type', type).implementation === 'passthrough'
      return whole ? fault('VM_REQUIRES_GPU', vm, GPU_group) : fault('VM_REQUIRES_VGPU', vm, GPU_group, type)
    }
  }
  return undefined
}

/** Gives a machine that starts its virtual processors. */
export function attachGpus(db: Database, vm: Ref<'VM'>, host: Ref<'host'>): void {
  for (const vgpu of db.get('VM', vm).VGPUs) {
    const resident_on = pgpuFor(db, vgpu, host) ?? nullRef
    db.update(vgpu, { currently_attached: true, resident_on })
  }
}

/** Takes them back. */
export function detachGpus(db: Database, vm: Ref<'VM'>): void {
  for (const vgpu of db.get('VM', vm).VGPUs) db.update(vgpu, { currently_attached: false, resident_on: nullRef })
}

/** Gives a copy of a machine the same wishes for processors. */
export function copyVgpus(db: Database, from: Ref<'VM'>, to: Ref<'VM'>): void {
  for (const ref of db.get('VM', from).VGPUs) {
    const { GPU_group, device, type, other_config, extra_args } = db.get('VGPU', ref)
    db.insert('VGPU', { VM: to, GPU_group, device, type, other_config, extra_args })
  }
}

function setEnabled({ db }: Call, self: Ref<'PGPU'>, types: ReadonlySet<Ref<'VGPU_type'>>): void {
  const { supported_VGPU_types: supported, resident_VGPUs, GPU_group } = db.get('PGPU', self)
  const text = [...supported].join(', ')
  for (const type of types) if (!supported.has(type)) throw fault('VGPU_TYPE_NOT_SUPPORTED', type, text)
  const used = [...resident_VGPUs].filter((vgpu) => !types.has(db.get('VGPU', vgpu).type))
  if (used.length > 0) throw fault('PGPU_IN_USE_BY_VM', used.map((vgpu) => db.get('VGPU', vgpu).VM).join(', '))
  db.update(self, { enabled_VGPU_types: types })
  updateGroup({ db }, GPU_group, 'enabled_VGPU_types')
}

function updateGroup(
  { db }: Pick<Call, 'db'>,
  group: Ref<'GPU_group'>,
  field: 'enabled_VGPU_types' | 'supported_VGPU_types',
): void {
  if (isNull(group)) return
  const types = new Set<Ref<'VGPU_type'>>()
  for (const pgpu of db.get('GPU_group', group).PGPUs) for (const type of db.get('PGPU', pgpu)[field]) types.add(type)
  db.update(group, { [field]: types })
}

export const pgpu: MethodSet = methods('PGPU', {
  get_remaining_capacity: ({ db }, self, type) => capacity(db, self, type),
  set_enabled_VGPU_types: (call, self, value) => setEnabled(call, self, new Set(value)),
  add_enabled_VGPU_types: (call, self, value) =>
    setEnabled(call, self, new Set([...call.db.get('PGPU', self).enabled_VGPU_types, value])),
  remove_enabled_VGPU_types: (call, self, value) =>
    setEnabled(call, self, new Set([...call.db.get('PGPU', self).enabled_VGPU_types].filter((type) => type !== value))),
  set_GPU_group({ db }, self, value) {
    const { resident_VGPUs, GPU_group: before } = db.get('PGPU', self)
    if (resident_VGPUs.size > 0) {
      throw fault('PGPU_IN_USE_BY_VM', [...resident_VGPUs].map((vgpu) => db.get('VGPU', vgpu).VM).join(', '))
    }
    if (!isNull(value)) db.get('GPU_group', value)
    db.update(self, { GPU_group: value })
    for (const group of [before, value]) {
      updateGroup({ db }, group, 'enabled_VGPU_types')
      updateGroup({ db }, group, 'supported_VGPU_types')
    }
  },
  enable_dom0_access: ({ db }, self) => dom0Access(db, self, 'enabled'),
  disable_dom0_access: ({ db }, self) => dom0Access(db, self, 'disabled'),
})

/** The processor's access is that of its PCI device, from the next start of the host on. */
function dom0Access(db: Database, self: Ref<'PGPU'>, wanted: 'enabled' | 'disabled') {
  const { PCI } = db.get('PGPU', self)
  const now = accessOf(db, PCI)
  const then = wanted === 'enabled' ? 'enable_on_reboot' : 'disable_on_reboot'
  const back = wanted === 'enabled' ? 'disable_on_reboot' : 'enable_on_reboot'
  const access = now === wanted || now === then ? now : now === back ? wanted : then
  setAccess(db, PCI, access)
  db.update(self, { dom0_access: access })
  return access
}

export const gpuGroup: MethodSet = methods('GPU_group', {
  create: ({ db }, name_label, name_description, other_config) =>
    db.insert('GPU_group', { name_label, name_description, other_config, allocation_algorithm: 'depth_first' }),
  destroy({ db }, self) {
    const { PGPUs, VGPUs } = db.get('GPU_group', self)
    if (PGPUs.size > 0) throw fault('GPU_GROUP_CONTAINS_PGPU', [...PGPUs].join(', '))
    if (VGPUs.size > 0) throw fault('GPU_GROUP_CONTAINS_VGPU', [...VGPUs].join(', '))
    db.remove(self)
  },
  update_enabled_VGPU_types: (call, self) => updateGroup(call, self, 'enabled_VGPU_types'),
  update_supported_VGPU_types: (call, self) => updateGroup(call, self, 'supported_VGPU_types'),
  get_remaining_capacity: ({ db }, self, type) =>
    [...db.get('GPU_group', self).PGPUs].reduce((sum, one) => sum + capacity(db, one, type), 0),
})

export const vgpu: MethodSet = methods('VGPU', {
  create({ db }, VM, GPU_group, device, other_config, asked) {
    const { VGPUs, power_state } = db.get('VM', VM)
    const { enabled_VGPU_types: enabled, PGPUs } = db.get('GPU_group', GPU_group)
    if (!/^\d{1,2}$/.test(device)) throw fault('INVALID_DEVICE', device)
    for (const other of VGPUs) {
      if (db.get('VGPU', other).device === device) throw fault('DEVICE_ALREADY_EXISTS', device)
    }
    if (power_state !== 'Halted') throw fault('VM_BAD_POWER_STATE', VM, 'halted', power_state.toLowerCase())
    if (PGPUs.size === 0) throw fault('GPU_GROUP_CONTAINS_NO_PGPUS', GPU_group)
    const type = isNull(asked) ? [...enabled].find((one) => isWhole(db, one)) : asked
    if (type === undefined || !enabled.has(type)) {
      throw fault('VGPU_TYPE_NOT_ENABLED', type ?? nullRef, [...enabled].join(', '))
    }
    // Shares may stand beside others of their kind; a whole processor stands alone.
    const others = [...VGPUs].map((other) => db.get('VGPU', other).type)
    if (others.length > 0 && (isWhole(db, type) || others.some((other) => isWhole(db, other)))) {
      throw fault('VGPU_TYPE_NOT_COMPATIBLE', type)
    }
    return db.insert('VGPU', { VM, GPU_group, device, other_config, type, currently_attached: false })
  },

  destroy({ db }, self) {
    if (db.get('VGPU', self).currently_attached) {
      throw fault('OPERATION_NOT_ALLOWED', 'vGPU currently attached to a running VM')
    }
    db.remove(self)
  },
})

const isWhole = (db: Database, type: Ref<'VGPU_type'>): boolean =>
  db.get('VGPU_type', type).implementation === 'passthrough'
