import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { updateFreeMemory } from './host-memory.ts'

type MemoryLimits = Pick<
  Rows['VM'],
  'memory_static_min' | 'memory_static_max' | 'memory_dynamic_min' | 'memory_dynamic_max'
>
type VcpuLimits = Pick<Rows['VM'], 'VCPUs_at_startup' | 'VCPUs_max' | 'platform'>

/** static_min ≤ dynamic_min ≤ dynamic_max ≤ static_max, or `MEMORY_CONSTRAINT_VIOLATION`. */
export function assertMemoryOrder(vm: MemoryLimits): void {
  const { memory_static_min, memory_dynamic_min, memory_dynamic_max, memory_static_max } = vm
  const ordered =
    0 <= memory_static_min &&
    memory_static_min <= memory_dynamic_min &&
    memory_dynamic_min <= memory_dynamic_max &&
    memory_dynamic_max <= memory_static_max
  if (!ordered) {
    throw fault(
      'MEMORY_CONSTRAINT_VIOLATION',
      'Memory limits must satisfy: static_min <= dynamic_min <= dynamic_max <= static_max',
    )
  }
}

/** 0 < at_startup ≤ max, and max a multiple of the cores of a socket. */
export function assertVcpus({ VCPUs_at_startup, VCPUs_max, platform }: VcpuLimits): void {
  if (VCPUs_max < 1) throw fault('INVALID_VALUE', 'VCPUs_max', String(VCPUs_max))
  if (VCPUs_at_startup < 1 || VCPUs_at_startup > VCPUs_max) {
    throw fault('INVALID_VALUE', 'VCPUs_at_startup', String(VCPUs_at_startup))
  }
  const cores = Number(platform['cores-per-socket'] ?? 1)
  if (Number.isInteger(cores) && cores > 0 && VCPUs_max % cores !== 0) {
    throw fault('VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE', String(VCPUs_max), String(cores))
  }
}

function setMemory({ db }: Call, self: Ref<'VM'>, limits: Partial<MemoryLimits>): void {
  const vm = db.get('VM', self)
  assertMemoryOrder({ ...vm, ...limits })
  db.update(self, limits)
  if (vm.power_state !== 'Running') return
  const target = Math.min(Math.max(vm.memory_target, vm.memory_dynamic_min), vm.memory_dynamic_max)
  db.update(self, { memory_target: target })
  db.update(vm.metrics, { memory_actual: target })
  updateFreeMemory(db, vm.resident_on)
}

function setVcpus({ db }: Call, self: Ref<'VM'>, limits: Partial<VcpuLimits>): void {
  assertVcpus({ ...db.get('VM', self), ...limits })
  db.update(self, limits)
}

export const vmLimits: MethodSet = methods('VM', {
  set_memory_dynamic_max: (call, self, value) => setMemory(call, self, { memory_dynamic_max: value }),
  set_memory_dynamic_min: (call, self, value) => setMemory(call, self, { memory_dynamic_min: value }),
  set_memory_dynamic_range: (call, self, min, max) =>
    setMemory(call, self, { memory_dynamic_min: min, memory_dynamic_max: max }),
  set_memory_static_max: (call, self, value) => setMemory(call, self, { memory_static_max: value }),
  set_memory_static_min: (call, self, value) => setMemory(call, self, { memory_static_min: value }),
  set_memory_static_range: (call, self, min, max) =>
    setMemory(call, self, { memory_static_min: min, memory_static_max: max }),
  set_memory_limits: (call, self, static_min, static_max, dynamic_min, dynamic_max) =>
    setMemory(call, self, {
      memory_static_min: static_min,
      memory_static_max: static_max,
      memory_dynamic_min: dynamic_min,
      memory_dynamic_max: dynamic_max,
    }),
  set_memory(call, self, value) {
    const { memory_static_min } = call.db.get('VM', self)
    setMemory(call, self, {
      memory_static_min: Math.min(memory_static_min, value),
      memory_static_max: value,
      memory_dynamic_min: value,
      memory_dynamic_max: value,
    })
  },
  set_memory_target_live: (call, self, target) =>
    setMemory(call, self, { memory_dynamic_min: target, memory_dynamic_max: target }),
  wait_memory_target_live({ db }, self) {
    // The balloon is at its target at once.
    db.get('VM', self)
  },

  set_VCPUs_max: (call, self, value) => setVcpus(call, self, { VCPUs_max: value }),
  set_VCPUs_at_startup: (call, self, value) => setVcpus(call, self, { VCPUs_at_startup: value }),
  set_VCPUs_number_live({ db }, self, nvcpu) {
    const vm = db.get('VM', self)
    if (nvcpu < 1 || nvcpu > vm.VCPUs_max) throw fault('INVALID_VALUE', 'VCPUs_number_live', String(nvcpu))
    db.update(self, { VCPUs_at_startup: nvcpu })
    db.update(vm.metrics, { VCPUs_number: nvcpu })
  },
  add_to_VCPUs_params_live({ db }, self, key, value) {
    db.update(self, { VCPUs_params: { ...db.get('VM', self).VCPUs_params, [key]: value } })
  },
})
