import { xml, type DomainDisk, type XmlElement } from '@nixen/libvirt'

/** Names of disks on a bus: `vda`, …, `vdz`, `vdaa`. */
export function targetName(bus: string, position: number): string {
  const prefix = bus === 'virtio' ? 'vd' : bus === 'ide' ? 'hd' : bus === 'fdc' ? 'fd' : bus === 'xen' ? 'xvd' : 'sd'
  let letters = ''
  for (let rest = position; rest >= 0; rest = Math.floor(rest / 26) - 1) {
    letters = String.fromCharCode(97 + (rest % 26)) + letters
  }
  return prefix + letters
}

/** The first name of a bus that no disk has. */
export function freeTarget(disks: readonly Pick<DomainDisk, 'target'>[], bus: string): string {
  const taken = new Set(disks.map(({ target }) => target))
  for (let position = 0; ; position++) {
    const name = targetName(bus, position)
    if (!taken.has(name)) return name
  }
}

export interface DiskDevice {
  readonly path: string
  readonly format: string
  readonly target: string
  readonly bus: string
  readonly device?: 'disk' | 'cdrom'
  readonly isReadOnly?: boolean
  readonly bootOrder?: number | undefined
}

export function diskXml({ path, format, target, bus, device = 'disk', isReadOnly, bootOrder }: DiskDevice): XmlElement {
  const isBlock = path.startsWith('/dev/')
  return xml(
    'disk',
    { type: isBlock ? 'block' : 'file', device },
    xml('driver', { name: 'qemu', type: format, ...(device === 'disk' ? { discard: 'unmap' } : {}) }),
    xml('source', isBlock ? { dev: path } : { file: path }),
    xml('target', { dev: target, bus }),
    ...(isReadOnly || device === 'cdrom' ? [xml('readonly')] : []),
    ...(bootOrder === undefined ? [] : [xml('boot', { order: bootOrder })]),
  )
}

/** An empty CD drive. */
export function cdXml(target: string, bus: string): XmlElement {
  return xml(
    'disk',
    { type: 'file', device: 'cdrom' },
    xml('driver', { name: 'qemu', type: 'raw' }),
    xml('target', { dev: target, bus }),
    xml('readonly'),
  )
}

export function nicXml(nic: {
  readonly network: string
  readonly mac?: string | undefined
  readonly model: string
  readonly mtu?: number | undefined
}): XmlElement {
  return xml(
    'interface',
    { type: 'network' },
    ...(nic.mac === undefined ? [] : [xml('mac', { address: nic.mac })]),
    xml('source', { network: nic.network }),
    xml('model', { type: nic.model }),
    ...(nic.mtu === undefined ? [] : [xml('mtu', { size: nic.mtu })]),
  )
}

/** A host device that a VM uses itself, from `0000:04:01.0`. */
export function pciXml(address: string): XmlElement {
  const [domain = '0', bus = '0', slot = '0', fun = '0'] = address.split(/[:.]/)
  const source = xml('address', { domain: `0x${domain}`, bus: `0x${bus}`, slot: `0x${slot}`, function: `0x${fun}` })
  return xml('hostdev', { mode: 'subsystem', type: 'pci', managed: 'yes' }, xml('source', {}, source))
}
