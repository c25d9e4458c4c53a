import type { Template } from '@nixen/api'
import { GiB } from '@nixen/core'
import type { Model } from '../model/model.ts'

/** What a VM is made from where there is no template yet. */
export interface BuiltInTemplate {
  readonly key: string
  readonly name: string
  readonly description: string
  readonly firmware: 'bios' | 'uefi'
  readonly os: string
}

/** libvirt has no templates of its own; these hold what a guest of a kind needs. */
export const builtIns: readonly BuiltInTemplate[] = [
  {
    key: 'linux-uefi',
    name: 'Linux (UEFI)',
    description: 'q35, UEFI, virtio disks and NICs, guest agent channel.',
    firmware: 'uefi',
    os: 'linux',
  },
  {
    key: 'linux-bios',
    name: 'Linux (BIOS)',
    description: 'q35, BIOS, virtio disks and NICs, guest agent channel.',
    firmware: 'bios',
    os: 'linux',
  },
  {
    key: 'windows-uefi',
    name: 'Windows (UEFI)',
    description: 'q35, UEFI, SATA disks, e1000e NIC, Hyper-V interfaces; drivers of virtio can come later.',
    firmware: 'uefi',
    os: 'windows',
  },
]

export function builtInTemplates(model: Model): Template[] {
  return builtIns.map(({ key, name, description, firmware, os }) => ({
    id: model.id('template', key),
    connection: model.connection,
    pool: model.id('pool', model.host?.key ?? ''),
    name,
    description,
    tags: [],
    default: true,
    vcpus: 1,
    memory: GiB,
    disks: [],
    diskSize: 0,
    firmware,
    os,
  }))
}
