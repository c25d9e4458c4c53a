import { parseXml, XmlElement } from '@rgrove/parse-xml'
import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import { omit } from '../omit.ts'
import type { Enums, Ref, Rows } from '../generated/rows.ts'
import { poolRef } from '../pool/pool.ts'
import { possibleHosts } from './placement.ts'
import { createVdi, destroyVdi } from './vdi-disks.ts'
import { assertMemoryOrder, assertVcpus } from './vm-limits.ts'
import { removeVtpm } from './vtpm.ts'

/** A disk that `other_config:disks` of a template asks for. */
interface DiskWish {
  readonly device: string
  readonly size: number
  readonly sr: string
  readonly bootable: boolean
  readonly type: Enums['vdi_type']
}

function wishedDisks({ db }: Call, vm: Rows['VM']): DiskWish[] {
  const text = vm.other_config['disks']
  if (!text) return []
  try {
    const disks = parseXml(text).root?.children.filter((node) => node instanceof XmlElement) ?? []
    return disks.map(({ attributes }) => ({
      device: attributes['device'] ?? '0',
      size: Number(attributes['size'] ?? 0),
      sr: attributes['sr'] ?? '',
      bootable: attributes['bootable'] === 'true',
      type: db.model.enums.get('vdi_type')?.has(attributes['type'] ?? '')
        ? (attributes['type'] as Enums['vdi_type'])
        : 'system',
    }))
  } catch {
    // Whatever is wrong with the text, the host names the key.
    throw fault('INVALID_VALUE', 'other_config:disks', text)
  }
}

/** Makes a VM of a template: creates the disks it asks for. */
async function provision(call: Call, vm: Ref<'VM'>): Promise<void> {
  const { db } = call
  const template = db.get('VM', vm)
  const wishes = wishedDisks(call, template)
  // The SRs are looked up before anything is made.
  const srs = wishes.map((wish) => db.byUuid('SR', wish.sr))
  const made: Ref<'VDI'>[] = []
  try {
    for (const [i, wish] of wishes.entries()) {
      made.push(
        await createVdi(call, {
          SR: srs[i] ?? nullRef,
          virtual_size: wish.size,
          type: wish.type,
          name_label: `${template.name_label} ${wish.device}`,
          name_description: 'Created by template provisioner',
        }),
      )
    }
  } catch (error) {
    for (const vdi of made) await destroyVdi(call, vdi)
    throw error
  }
  for (const [i, { device, bootable }] of wishes.entries()) {
    db.insert('VBD', {
      VM: vm,
      VDI: made[i] ?? nullRef,
      userdevice: device,
      bootable,
      mode: 'RW',
      type: 'Disk',
      empty: false,
      unpluggable: true,
      other_config: { owner: '' },
    })
  }
  const other_config: Record<string, string> = omit(template.other_config, 'disks', 'postinstall')
  db.update(vm, { is_a_template: false, other_config })
  db.update(template.metrics, { install_time: call.pool.clock.now() })
}

/** Removes a VM with its devices; its disks stay. */
export async function destroyVm(call: Call, vm: Ref<'VM'>): Promise<void> {
  const { db } = call
  const { is_default_template, metrics, guest_metrics, suspend_VDI, parent, children } = db.get('VM', vm)
  if (is_default_template) throw fault('VM_CANNOT_DELETE_DEFAULT_TEMPLATE', vm)
  const { VBDs, VIFs, consoles, VTPMs, VGPUs, VUSBs, crash_dumps } = db.get('VM', vm)
  for (const child of children) db.update(child, { parent: isNull(parent) ? nullRef : parent })
  for (const vtpm of VTPMs) removeVtpm(db, vtpm)
  for (const devices of [VBDs, VIFs, consoles, VGPUs, VUSBs, crash_dumps]) {
    for (const ref of devices) db.remove(ref)
  }
  db.remove(vm)
  for (const ref of [metrics, guest_metrics]) if (!isNull(ref)) db.remove(ref)
  if (!isNull(suspend_VDI) && db.find('VDI', suspend_VDI)) await destroyVdi(call, suspend_VDI)
}

export const vmLifecycle: MethodSet = methods('VM', {
  create({ db, pool }, args) {
    assertMemoryOrder(args)
    assertVcpus(args)
    const template = args.is_a_template
    return db.insert('VM', {
      ...args,
      domid: -1,
      power_state: args.power_state === 'Suspended' ? 'Suspended' : 'Halted',
      resident_on: nullRef,
      other_config: { mac_seed: db.newUuid(), ...args.other_config },
      metrics: db.insert('VM_metrics', {
        install_time: template ? 0 : pool.clock.now(),
        last_updated: pool.clock.now(),
        VCPUs_number: 0,
        current_domain_type: 'unspecified',
      }),
      guest_metrics: nullRef,
    })
  },

  destroy: destroyVm,
  provision,

  set_is_a_template({ db }, self, value) {
    const vm = db.get('VM', self)
    if (value && vm.power_state !== 'Halted') {
      throw fault('VM_BAD_POWER_STATE', self, 'halted', vm.power_state.toLowerCase())
    }
    db.update(self, { is_a_template: value, ...(value ? {} : { is_default_template: false }) })
  },

  set_is_default_template({ db }, vm, value) {
    db.update(vm, { is_default_template: value })
  },

  get_possible_hosts({ db }, vm) {
    return possibleHosts(db, vm)
  },

  get_allowed_VBD_devices({ db }, vm) {
    const used = new Set([...db.get('VM', vm).VBDs].map((ref) => db.get('VBD', ref).userdevice))
    return Array.from({ length: 255 }, (_, i) => String(i)).filter((device) => !used.has(device))
  },

  get_allowed_VIF_devices({ db }, vm) {
    const used = new Set([...db.get('VM', vm).VIFs].map((ref) => db.get('VIF', ref).device))
    return Array.from({ length: 7 }, (_, i) => String(i)).filter((device) => !used.has(device))
  },

  get_boot_record({ db }, self) {
    return db.row('VM', self) as never
  },

  get_cooperative: ({ db }, self) => db.find('VM', self) !== undefined,

  update_allowed_operations({ db }, self) {
    db.touch(db.row('VM', self).ref)
  },

  compute_memory_overhead: ({ db }, vm) => db.get('VM', vm).memory_overhead || 28 * 1024 * 1024,

  maximise_memory({ db }, self, total) {
    return Math.max(0, total - (db.get('VM', self).memory_overhead || 28 * 1024 * 1024))
  },

  retrieve_wlb_recommendations({ db }) {
    // Without a server for workload balancing a host has nothing to say.
    return Object.fromEntries([...db.rows('host')].map(({ ref }) => [ref, []]))
  },

  copy_bios_strings({ db }, vm, host) {
    if (Object.keys(db.get('VM', vm).bios_strings).length > 0) throw fault('VM_BIOS_STRINGS_ALREADY_SET')
    db.update(vm, { bios_strings: db.get('host', host).bios_strings })
  },

  get_SRs_required_for_recovery({ db }, self) {
    const srs = [...db.get('VM', self).VBDs].map((ref) => db.find('VDI', db.get('VBD', ref).VDI)?.SR)
    return [...new Set(srs.filter((sr) => sr !== undefined))]
  },

  set_uefi_mode({ db }, self, mode) {
    const { platform } = db.get('VM', self)
    db.update(self, { platform: { ...platform, secureboot: mode === 'setup' ? 'false' : 'auto' } })
    return ''
  },
})

/** The pool's default SR, if it is set. */
export function defaultSr({ db }: Call): Ref<'SR'> | undefined {
  const { default_SR } = db.get('pool', poolRef(db))
  return db.find('SR', default_SR) ? default_SR : undefined
}
