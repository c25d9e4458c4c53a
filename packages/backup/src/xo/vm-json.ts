import { recordOf, textOf, type XoBackup } from './scan.ts'

/** A disk as it stands in the restore point. */
export interface ConvertedDisk {
  readonly key: string
  readonly name: string
  readonly size: number
  readonly record: Readonly<Record<string, unknown>>
  readonly vbd: Readonly<Record<string, unknown>>
}

type Fields = Readonly<Record<string, unknown>>

/** What `/vm.json` of a restore point says (format `nixen.point/1`), from the records of XAPI that a backup of Xen Orchestra holds. */
export function vmJson({ metadata, vm: key, name, time }: XoBackup, disks: readonly ConvertedDisk[]): object {
  const vm = { ...recordOf(metadata['vm']), ...recordOf(metadata['vmSnapshot']) }
  const vifs = Object.values(recordOf(metadata['vifs'])).map(recordOf)
  const platform = recordOf(vm['platform'])
  const hvm = vm['domain_type'] === 'hvm' || textOf(vm['HVM_boot_policy']) !== ''
  const config = {
    format: 'nixen.vm/1',
    provider: 'xapi',
    product: 'Xen Orchestra',
    takenAt: time,
    lineage: lineageOf(key),
    key,
    name,
    description: textOf(recordOf(metadata['vm'])['name_description']),
    tags: texts(recordOf(metadata['vm'])['tags']),
    cpus: number(vm['VCPUs_max']) || 1,
    memory: number(vm['memory_static_max']),
    firmware: hvm ? (recordOf(vm['HVM_boot_params'])['firmware'] === 'uefi' ? 'uefi' : 'bios') : 'paravirtual',
    secureBoot: platform['secureboot'] === 'true',
    powerState: textOf(recordOf(metadata['vm'])['power_state']) || 'Halted',
    disks: disks.map(diskOf),
    nics: vifs.map(nicOf).toSorted((a, b) => Number(a.position) - Number(b.position)),
    native: {
      // The name of the VM, not of the snapshot that was taken for the backup.
      vm: { ...vm, uuid: key, name_label: name },
      vbds: disks.map(({ vbd }) => vbd),
      vifs,
      vdis: Object.fromEntries(disks.map((disk) => [disk.key, disk.record])),
      vtpms: texts(metadata['vtpms']).map((contents) => ({ unique: false, contents })),
    },
  }
  return { format: 'nixen.point/1', config, tokens: {}, connection: '', excluded: [] }
}

/** The same for all backups of a VM. */
export function lineageOf(vm: string): string {
  return `xo-${vm}`
}

function diskOf({ key, name, size, record, vbd }: ConvertedDisk, index: number): object {
  return {
    key,
    name: name || textOf(record['name_label']),
    description: textOf(record['name_description']),
    size,
    position: textOf(vbd['userdevice']) || String(index),
    kind: 'disk',
    bootable: vbd['bootable'] === true || (vbd['bootable'] === undefined && index === 0),
    readOnly: vbd['mode'] === 'RO',
    storage: { key: textOf(record['$SR$uuid']), name: '' },
  }
}

function nicOf(vif: Fields): { readonly position: string } & Fields {
  const vlan = number(vif['$network$VLAN'])
  return {
    position: textOf(vif['device']) || '0',
    mac: textOf(vif['MAC']),
    mtu: number(vif['MTU']) || 1500,
    network: {
      key: textOf(vif['$network$uuid']),
      name: textOf(vif['$network$name_label']),
      ...(vlan >= 0 && vif['$network$VLAN'] !== undefined && { vlan }),
    },
  }
}

/** Also integers that are stored as text. */
function number(value: unknown): number {
  const found = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof found === 'number' && Number.isFinite(found) ? found : 0
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}
