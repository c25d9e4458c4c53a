import { GiB } from '@nixen/core'
import type { Ref } from '../generated/rows.ts'
import type { GenerateContext } from './context.ts'

/** [model, memory in bytes, most of them on one processor] of what NVIDIA's software makes of an A16. */
const shares = [
  ['NVIDIA A16-4Q', 4 * GiB, 4],
  ['NVIDIA A16-8Q', 8 * GiB, 2],
] as const

/** Capacity of a processor, in the unit of the sizes of types; a host counts in shares of 2^60. */
export const gpuSize = 16

/** Adds the graphics processors of a host, by its display controllers: its own screen, and one to give to machines. */
export function addGpus(context: GenerateContext, host: Ref<'host'>): void {
  const { db } = context
  for (const PCI of db.get('host', host).PCIs) {
    const { class_id, vendor_name, device_name } = db.get('PCI', PCI)
    if (!class_id.startsWith('03')) continue
    const name_label = `Group of ${vendor_name} ${device_name} GPUs`
    const found = [...db.rows('GPU_group')].find(({ values }) => values.name_label === name_label)
    const GPU_group = found?.ref ?? db.insert('GPU_group', { name_label, allocation_algorithm: 'depth_first' })
    const types = vendor_name.startsWith('NVIDIA') ? [whole(context), ...sharesOf(context)] : [whole(context)]
    const pgpu = db.insert('PGPU', {
      PCI,
      GPU_group,
      host,
      size: gpuSize,
      dom0_access: 'enabled',
      is_system_display_device: class_id === '0300',
      supported_VGPU_max_capacities: Object.fromEntries(
        types.map((type) => [type, Math.floor(gpuSize / db.get('VGPU_type', type).size)]),
      ),
    })
    db.update(pgpu, { supported_VGPU_types: new Set(types), enabled_VGPU_types: new Set(types) })
    db.update(GPU_group, { supported_VGPU_types: new Set(types), enabled_VGPU_types: new Set(types) })
  }
}

function whole({ db }: GenerateContext): Ref<'VGPU_type'> {
  const identifier = '0001:passthrough'
  const found = [...db.rows('VGPU_type')].find(({ values }) => values.identifier === identifier)
  const fields = { model_name: 'passthrough', implementation: 'passthrough', size: gpuSize, identifier } as const
  return found?.ref ?? db.insert('VGPU_type', { ...fields, max_heads: 0, framebuffer_size: 0 })
}

function sharesOf({ db }: GenerateContext): Ref<'VGPU_type'>[] {
  return shares.map(([model_name, framebuffer_size, most]) => {
    const identifier = `0001:nvidia,${model_name}`
    const found = [...db.rows('VGPU_type')].find(({ values }) => values.identifier === identifier)
    if (found) return found.ref
    const fields = { model_name, identifier, framebuffer_size, vendor_name: 'NVIDIA Corporation', size: gpuSize / most }
    const screens = { max_heads: 4, max_resolution_x: 7680, max_resolution_y: 4320 }
    return db.insert('VGPU_type', { ...fields, ...screens, implementation: 'nvidia' })
  })
}
