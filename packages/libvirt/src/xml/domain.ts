import type { XmlElement } from './element.ts'
import { countOf, parseXml, sizeOf } from './parse.ts'

/** Where the bytes of a disk are. */
export type DiskBacking =
  | { readonly kind: 'file' | 'block' | 'dir'; readonly path: string }
  | { readonly kind: 'volume'; readonly pool: string; readonly volume: string }
  | { readonly kind: 'network'; readonly protocol: string; readonly name: string }
  | { readonly kind: 'other'; readonly type: string }
  | { readonly kind: 'none' }

/** `<disk>` */
export interface DomainDisk {
  /** `vda`, `sdb`: its name on the bus, which names it everywhere in libvirt. */
  readonly target: string
  readonly bus: string | undefined
  readonly device: 'disk' | 'cdrom' | 'floppy' | 'lun'
  readonly backing: DiskBacking
  /** `qcow2`, `raw`. */
  readonly format: string | undefined
  readonly isReadOnly: boolean
  readonly isShareable: boolean
  /** Place in the order of boot devices. */
  readonly bootOrder: number | undefined
  /** Serial number that the guest sees. */
  readonly serial: string | undefined
  /** There is an overlay on it, or it is a copy in the making. */
  readonly hasMirror: boolean
  readonly alias: string | undefined
  readonly xml: XmlElement
}

/** `<interface>` */
export interface DomainNic {
  readonly type: string
  readonly mac: string | undefined
  /** Name of the network, bridge or host device that it is plugged into. */
  readonly source: string | undefined
  readonly model: string | undefined
  /** Name of the tap device on the host, while it runs. */
  readonly target: string | undefined
  readonly isLinkUp: boolean
  readonly mtu: number | undefined
  readonly vlan: number | undefined
  readonly alias: string | undefined
  readonly xml: XmlElement
}

/** `<graphics>` */
export interface DomainGraphics {
  readonly type: string
  readonly port: number | undefined
  /** Address or path that it listens at. */
  readonly listen: string | undefined
  readonly socket: string | undefined
  readonly hasPassword: boolean
}

/** `<domain>`: what its XML says, in typed values. All of the XML stays in `xml`, to be changed there and printed. */
export interface DomainXml {
  /** `kvm`, `qemu`, `xen`, `test`, … */
  readonly type: string
  readonly id: number | undefined
  readonly name: string
  readonly uuid: string
  readonly title: string
  readonly description: string
  /** Bytes: the most that it can have, and what it has or starts with. */
  readonly memoryMax: number
  readonly memory: number
  readonly vcpusMax: number
  readonly vcpus: number
  /** `hvm`, `xen`, `linux`, … */
  readonly osType: string
  readonly arch: string | undefined
  readonly machine: string | undefined
  readonly firmware: 'bios' | 'uefi' | undefined
  readonly secureBoot: boolean
  /** `hd`, `cdrom`, `network`, `fd`. */
  readonly bootDevices: readonly string[]
  readonly disks: readonly DomainDisk[]
  readonly nics: readonly DomainNic[]
  readonly graphics: readonly DomainGraphics[]
  readonly hasSerial: boolean
  readonly hasTpm: boolean
  /** Devices of the host that it uses itself. */
  readonly hostDevices: number
  /** It has a channel for the QEMU guest agent; `connected` only while the agent answers. */
  readonly agent: 'none' | 'disconnected' | 'connected'
  readonly xml: XmlElement
}

/** @throws libvirt.bad_xml for what is no domain */
export function parseDomain(text: string): DomainXml {
  return readDomain(parseXml(text, { root: 'domain' }))
}

/** As {@link parseDomain}, for what was parsed already. */
export function readDomain(xml: XmlElement): DomainXml {
  const devices = xml.find('devices')
  const loader = xml.find('os', 'loader')
  const vcpusMax = countOf(xml.text('vcpu')) ?? 1
  const memoryMax = sizeOf(xml.find('memory'), 'KiB') ?? 0
  const channel = devices
    ?.children('channel')
    .find((one) => one.find('target')?.get('name') === 'org.qemu.guest_agent.0')
  return {
    type: xml.get('type') ?? '',
    id: countOf(xml.get('id')),
    name: xml.text('name'),
    uuid: xml.text('uuid'),
    title: xml.text('title'),
    description: xml.text('description'),
    memoryMax,
    memory: sizeOf(xml.find('currentMemory'), 'KiB') ?? memoryMax,
    vcpusMax,
    vcpus: countOf(xml.find('vcpu')?.get('current')) ?? vcpusMax,
    osType: xml.text('os', 'type'),
    arch: xml.find('os', 'type')?.get('arch'),
    machine: xml.find('os', 'type')?.get('machine'),
    firmware: firmwareOf(xml, loader),
    secureBoot: loader?.get('secure') === 'yes',
    bootDevices:
      xml
        .find('os')
        ?.children('boot')
        .map((one) => one.get('dev') ?? '') ?? [],
    disks: devices?.children('disk').map(readDisk) ?? [],
    nics: devices?.children('interface').map(readNic) ?? [],
    graphics: devices?.children('graphics').map(readGraphics) ?? [],
    hasSerial: (devices?.children('serial').length ?? 0) + (devices?.children('console').length ?? 0) > 0,
    hasTpm: devices?.find('tpm') !== undefined,
    hostDevices: devices?.children('hostdev').length ?? 0,
    agent: !channel ? 'none' : channel.find('target')?.get('state') === 'connected' ? 'connected' : 'disconnected',
    xml,
  }
}

function firmwareOf(xml: XmlElement, loader: XmlElement | undefined): DomainXml['firmware'] {
  if (xml.find('os')?.get('firmware') === 'efi' || loader?.get('type') === 'pflash') return 'uefi'
  return xml.text('os', 'type') === 'hvm' ? 'bios' : undefined
}

const deviceKinds: ReadonlySet<string> = new Set(['disk', 'cdrom', 'floppy', 'lun'] satisfies DomainDisk['device'][])
const isDeviceKind = (text: string): text is DomainDisk['device'] => deviceKinds.has(text)

/** A `<disk>` of a domain. */
export function readDisk(xml: XmlElement): DomainDisk {
  const device = xml.get('device') ?? 'disk'
  return {
    target: xml.find('target')?.get('dev') ?? '',
    bus: xml.find('target')?.get('bus'),
    device: isDeviceKind(device) ? device : 'disk',
    backing: readBacking(xml),
    format: xml.find('driver')?.get('type'),
    isReadOnly: xml.find('readonly') !== undefined,
    isShareable: xml.find('shareable') !== undefined,
    bootOrder: countOf(xml.find('boot')?.get('order')),
    serial: xml.text('serial') || undefined,
    hasMirror: xml.find('mirror') !== undefined,
    alias: xml.find('alias')?.get('name'),
    xml,
  }
}

function readBacking(xml: XmlElement): DiskBacking {
  const source = xml.find('source')
  const type = xml.get('type') ?? 'file'
  if (!source) return { kind: 'none' }
  const path = source.get('file') ?? source.get('dev') ?? source.get('dir')
  switch (type) {
    case 'file':
    case 'block':
    case 'dir':
      return path === undefined ? { kind: 'none' } : { kind: type, path }
    case 'volume':
      return { kind: 'volume', pool: source.get('pool') ?? '', volume: source.get('volume') ?? '' }
    case 'network':
      return { kind: 'network', protocol: source.get('protocol') ?? '', name: source.get('name') ?? '' }
    default:
      return { kind: 'other', type }
  }
}

function readNic(xml: XmlElement): DomainNic {
  const source = xml.find('source')
  return {
    type: xml.get('type') ?? '',
    mac: xml.find('mac')?.get('address')?.toLowerCase(),
    source: source?.get('network') ?? source?.get('bridge') ?? source?.get('dev'),
    model: xml.find('model')?.get('type'),
    target: xml.find('target')?.get('dev'),
    isLinkUp: xml.find('link')?.get('state') !== 'down',
    mtu: countOf(xml.find('mtu')?.get('size')),
    vlan: countOf(xml.find('vlan', 'tag')?.get('id')),
    alias: xml.find('alias')?.get('name'),
    xml,
  }
}

function readGraphics(xml: XmlElement): DomainGraphics {
  const listen = xml.find('listen')
  const port = Number(xml.get('port'))
  return {
    type: xml.get('type') ?? '',
    // -1 stands for "not yet".
    port: port > 0 && port < 65_536 ? port : undefined,
    listen: listen?.get('address') ?? xml.get('listen'),
    socket: listen?.get('socket') ?? xml.get('socket'),
    hasPassword: xml.get('passwd') !== undefined,
  }
}
