import { GiB } from '@nixen/core'
import { nullRef } from '../db/ref.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { guestSystems, type GuestOs } from './catalogue.ts'
import type { GenerateContext } from './context.ts'

/** Adds the default templates. */
export function addTemplates(context: GenerateContext): Map<GuestOs, Ref<'VM'>> {
  return new Map(guestSystems.map((os) => [os, addTemplate(context, os)]))
}

function addTemplate({ db, now }: GenerateContext, os: GuestOs): Ref<'VM'> {
  return db.insert('VM', {
    ...hardwareOf(os),
    name_label: os.template,
    name_description: `Template for ${os.template}. Install from media or a network.`,
    is_a_template: true,
    is_default_template: true,
    ...memoryOf(os.memory),
    VCPUs_max: os.family === 'windows' ? 2 : 1,
    VCPUs_at_startup: os.family === 'windows' ? 2 : 1,
    reference_label: os.referenceLabel,
    other_config: {
      default_template: 'true',
      'install-methods': 'cdrom,nfs,http,ftp',
      ...(os.family === 'linux' ? { linux_template: 'true' } : {}),
      ...(os.disk > 0 ? { disks: diskXml(os.disk) } : {}),
    },
    metrics: db.insert('VM_metrics', { install_time: 0, start_time: 0, last_updated: now, VCPUs_number: 0 }),
  })
}

/** The disks a template asks for, as `VM.provision` reads them. */
export function diskXml(size: number): string {
  return `<provision><disk bootable="true" device="0" size="${size}" sr="" type="system"/></provision>`
}

/** Fields that follow from the guest system alone. */
export function hardwareOf(os: GuestOs): Partial<Rows['VM']> {
  const windows = os.family === 'windows'
  return {
    affinity: nullRef,
    domain_type: 'hvm',
    HVM_boot_policy: 'BIOS order',
    HVM_boot_params: { order: 'cdn', firmware: os.firmware },
    HVM_shadow_multiplier: 1,
    actions_after_shutdown: 'destroy',
    actions_after_reboot: 'restart',
    actions_after_crash: 'restart',
    platform: {
      acpi: '1',
      apic: 'true',
      nx: 'true',
      pae: 'true',
      stdvga: '0',
      timeoffset: '0',
      vga: 'std',
      videoram: '8',
      viridian: String(windows),
      ...(os.firmware === 'uefi'
        ? { secureboot: 'false', 'device-model': 'qemu-upstream-uefi' }
        : { 'device-model': 'qemu-upstream-compat' }),
      ...(windows
        ? {
            device_id: '0002',
            viridian_reference_tsc: 'true',
            viridian_time_ref_count: 'true',
            viridian_apic_assist: 'true',
            viridian_crash_ctl: 'true',
            viridian_stimer: 'true',
          }
        : { device_id: '0001' }),
    },
    has_vendor_device: false,
    hardware_platform_version: 0,
    generation_id: windows ? '0:0' : '',
    recommendations: `<restrictions><restriction field="memory-static-max" max="${1536 * GiB}"/><restriction field="vcpus-max" max="32"/><restriction field="has-vendor-device" value="false"/><restriction max="255" property="number-of-vbds"/><restriction max="7" property="number-of-vifs"/></restrictions>`,
  }
}

/** All memory limits the same: no ballooning. */
export function memoryOf(bytes: number): Partial<Rows['VM']> {
  return {
    memory_static_max: bytes,
    memory_dynamic_max: bytes,
    memory_dynamic_min: bytes,
    memory_static_min: Math.min(bytes, GiB),
    memory_target: 0,
  }
}
