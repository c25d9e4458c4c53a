import { seededRandom } from '@nixen/core'
import { fieldsOf } from '../src/values/schema.ts'
import type { XapiType } from '../src/values/type.ts'
import { readModel } from '../scripts/gen/model.ts'

const enums = new Map(readModel().enums.map(({ name, values }) => [name, values]))
const random = seededRandom(20_260_821)
const hex = (digits: number): string =>
  Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('')
const uuid = (): string => [8, 4, 4, 4, 12].map(hex).join('-')
const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)]

/** How many objects of each class a VM brings with it. */
const perVm = { VM: 1, VM_metrics: 1, VM_guest_metrics: 1, VBD: 2, VDI: 1, VIF: 1, console: 1 } as const

/** Records of a pool with `count` VMs, as a host words them: `[class, ref, record]`. */
export function* syntheticPool(count: number): Generator<readonly [className: string, ref: string, record: unknown]> {
  const hosts = Array.from({ length: 16 }, () => `OpaqueRef:${uuid()}`)
  for (let vm = 0; vm < count; vm++) {
    const refs = Object.fromEntries(Object.keys(perVm).map((name) => [name, `OpaqueRef:${uuid()}`]))
    for (const [className, copies] of Object.entries(perVm)) {
      for (let copy = 0; copy < copies; copy++) {
        const own = copy === 0 ? (refs[className] ?? '') : `OpaqueRef:${uuid()}`
        yield [
          className,
          own,
          record(className, { refs: { ...refs, host: pick(hosts) ?? '', pool: hosts[0] ?? '' }, vm }),
        ]
      }
    }
  }
}

interface Context {
  readonly refs: Readonly<Record<string, string>>
  readonly vm: number
}

function record(className: string, context: Context): unknown {
  const values: Record<string, unknown> = {}
  for (const [name, type] of fieldsOf(className) ?? []) values[name] = wireValue(name, type, context)
  return values
}

function wireValue(name: string, type: XapiType, context: Context): unknown {
  switch (type.kind) {
    case 'string':
      if (name === 'uuid' || name === 'location') return uuid()
      if (name === 'name_label') return `vm-${context.vm} ${name}`
      return name.length % 2 ? '' : `some ${name}`
    case 'enum':
      return pick(enums.get(type.name) ?? [''])
    case 'ref':
      return context.refs[type.class] ?? 'OpaqueRef:NULL'
    case 'int':
      return name.startsWith('memory') || name.includes('size') ? 4 * 2 ** 30 : Math.floor(random() * 16)
    case 'float':
      return random()
    case 'bool':
      return random() < 0.5
    case 'datetime':
      return name.startsWith('snapshot') ? '19700101T00:00:00Z' : '20260821T02:00:23Z'
    case 'set':
      if (type.of.kind === 'enum') return (enums.get(type.of.name) ?? []).slice(0, 4 + (context.vm % 3) * 8)
      if (type.of.kind === 'ref' && ['VBD', 'VIF', 'console'].includes(type.of.class))
        return [context.refs[type.of.class]]
      return []
    case 'map':
      return mapValue(name, context)
    case 'record':
    case 'option':
    case 'void':
    case 'any':
      return ''
  }
}

function mapValue(name: string, { vm, refs }: Context): unknown {
  if (name === 'platform')
    return {
      acpi: '1',
      apic: 'true',
      pae: 'true',
      nx: 'true',
      viridian: 'false',
      videoram: '8',
      hpet: 'true',
      'device-model': 'qemu-upstream-compat',
      secureboot: 'false',
    }
  if (name === 'other_config')
    return {
      base_template_name: 'Debian Bookworm 12',
      mac_seed: uuid(),
      import_task: refs['VM'],
      'xo:notes': `note ${vm}`,
      install: 'cdrom,nfs,http,ftp',
    }
  if (name === 'HVM_boot_params') return { order: 'cdn', firmware: 'uefi' }
  if (name === 'networks') return { '0/ip': `10.0.${vm >> 8}.${vm & 255}`, '0/ipv6/0': `fe80::${hex(4)}:${hex(4)}` }
  if (name === 'os_version')
    return {
      name: 'Debian GNU/Linux 12 (bookworm)',
      uname: '6.1.0-13-amd64',
      distro: 'debian',
      major: '12',
      minor: '4',
    }
  if (name === 'sm_config') return { 'vhd-parent': uuid(), 'image-format': 'vhd' }
  if (name === 'xenstore_data') return { 'vm-data': '', 'vm-data/mmio-hole-size': '268435456' }
  return {}
}
