import { messageOf } from '@nixen/core'
import { parseXml, XmlCdata, XmlElement, XmlText } from '@rgrove/parse-xml'
import { ovaErrors } from './errors.ts'

/** Longest descriptor that is taken. */
export const maxOvf: number = 16 * 1024 * 1024

/** A file that the descriptor refers to. */
export interface OvfFile {
  readonly id: string
  /** Name relative to the descriptor. */
  readonly href: string
  /** Bytes, where the descriptor says it. */
  readonly size: number | undefined
  /** `gzip` or nothing. */
  readonly compression: string | undefined
}

/** A disk of the virtual machine. */
export interface OvfDisk {
  readonly id: string
  /** Virtual size in bytes. */
  readonly capacity: number
  /** URI of the format, as written. */
  readonly format: string
  /** `undefined` for an empty disk that has no file. */
  readonly file: OvfFile | undefined
}

/** A network card. */
export interface OvfNetworkCard {
  readonly network: string | undefined
  readonly mac: string | undefined
  /** Model, such as `VmxNet3` or `E1000`. */
  readonly model: string | undefined
}

/** What an OVF descriptor says about the first virtual machine in it (DMTF DSP0243). */
export interface OvfDescriptor {
  readonly name: string
  readonly description: string | undefined
  /** As text, such as `Ubuntu Linux (64-bit)`. */
  readonly operatingSystem: string | undefined
  readonly firmware: 'bios' | 'uefi'
  readonly cpus: number | undefined
  /** Bytes. */
  readonly memory: number | undefined
  readonly networks: readonly string[]
  readonly networkCards: readonly OvfNetworkCard[]
  /** In the order of the hardware section; disks that it does not attach come last. */
  readonly disks: readonly OvfDisk[]
  readonly files: readonly OvfFile[]
}

/** Parses an OVF descriptor. Errors: `ova.descriptor`. */
export function parseOvf(xml: string, path = 'The OVF'): OvfDescriptor {
  const broken = (problem: string): Error => ovaErrors.descriptor({ path, problem })
  const envelope = parse(xml, path)
  if (localName(envelope.name) !== 'Envelope') throw broken('its root is not an Envelope')
  const files = descendants(envelope, 'References').flatMap((references) => children(references, 'File').map(parseFile))
  const disks = descendants(envelope, 'DiskSection').flatMap((section) =>
    children(section, 'Disk').map((disk) => parseDisk(disk, files, broken)),
  )
  const [system] = descendants(envelope, 'VirtualSystem')
  if (!system) throw broken('it describes no virtual machine')
  // OVF 2 has elements of their own for disks and network cards.
  const items = descendants(system, 'VirtualHardwareSection').flatMap((section) =>
    ['Item', 'StorageItem', 'EthernetPortItem'].flatMap((kind) => children(section, kind)),
  )
  return {
    name: childText(system, 'Name') ?? attribute(system, 'id') ?? '',
    description: descendants(system, 'AnnotationSection').map((section) => childText(section, 'Annotation'))[0],
    operatingSystem: descendants(system, 'OperatingSystemSection').map((section) =>
      childText(section, 'Description'),
    )[0],
    firmware: firmwareOf(system),
    cpus: quantities(items, '3')[0],
    memory: memoryOf(items),
    networks: descendants(envelope, 'NetworkSection').flatMap((section) =>
      children(section, 'Network').map((network) => attribute(network, 'name') ?? ''),
    ),
    networkCards: itemsOf(items, '10').map((item) => ({
      network: childText(item, 'Connection'),
      mac: childText(item, 'Address'),
      model: childText(item, 'ResourceSubType'),
    })),
    disks: inHardwareOrder(disks, items),
    files,
  }
}

function parse(xml: string, path: string): XmlElement {
  try {
    const { root } = parseXml(xml)
    if (root) return root
    throw new Error('it is empty')
  } catch (error) {
    throw ovaErrors.descriptor({ path, problem: messageOf(error) }, { cause: error })
  }
}

function parseFile(element: XmlElement): OvfFile {
  const size = Number(attribute(element, 'size') ?? Number.NaN)
  return {
    id: attribute(element, 'id') ?? '',
    href: attribute(element, 'href') ?? '',
    size: Number.isSafeInteger(size) && size >= 0 ? size : undefined,
    compression: attribute(element, 'compression'),
  }
}

function parseDisk(element: XmlElement, files: readonly OvfFile[], broken: (problem: string) => Error): OvfDisk {
  const id = attribute(element, 'diskId') ?? ''
  const unit = unitBytes(attribute(element, 'capacityAllocationUnits') ?? 'byte')
  const capacity = Number(attribute(element, 'capacity') ?? Number.NaN) * (unit ?? Number.NaN)
  if (!Number.isSafeInteger(capacity) || capacity < 0) throw broken(`the disk ${id} has no valid capacity`)
  if (attribute(element, 'parentRef') !== undefined) throw broken(`the disk ${id} builds on another one`)
  const ref = attribute(element, 'fileRef')
  const file = ref === undefined ? undefined : files.find((known) => known.id === ref)
  if (ref !== undefined && !file) throw broken(`the disk ${id} refers to the file "${ref}", which is not listed`)
  return { id, capacity, format: attribute(element, 'format') ?? '', file }
}

/** Bytes of a unit: `byte * 2^30`, `byte`, or the older `MegaBytes`, `GB`. */
function unitBytes(unit: string): number | undefined {
  const power = /^bytes?(?:\s*\*\s*2\s*\^\s*(\d{1,2}))?$/i.exec(unit.trim())
  if (power) return 2 ** Number(power[1] ?? 0)
  const word = /^(kilo|mega|giga|tera|[kmgt])(?:i?b|bytes?)$/i.exec(unit.trim())
  return word ? 1024 ** ('kmgt'.indexOf((word[1] ?? '').charAt(0).toLowerCase()) + 1) : undefined
}

function itemsOf(items: readonly XmlElement[], type: string): XmlElement[] {
  return items.filter((item) => childText(item, 'ResourceType') === type)
}

function quantities(items: readonly XmlElement[], type: string): number[] {
  return itemsOf(items, type)
    .map((item) => Number(childText(item, 'VirtualQuantity') ?? Number.NaN))
    .filter((value) => Number.isSafeInteger(value) && value > 0)
}

function memoryOf(items: readonly XmlElement[]): number | undefined {
  const [item] = itemsOf(items, '4')
  const unit = item && unitBytes(childText(item, 'AllocationUnits') ?? 'byte * 2^20')
  const bytes = (quantities(items, '4')[0] ?? Number.NaN) * (unit ?? Number.NaN)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

function firmwareOf(system: XmlElement): 'bios' | 'uefi' {
  const config = descendants(system, 'Config').find((element) => attribute(element, 'key') === 'firmware')
  return config && attribute(config, 'value') === 'efi' ? 'uefi' : 'bios'
}

function inHardwareOrder(disks: readonly OvfDisk[], items: readonly XmlElement[]): OvfDisk[] {
  const attached = itemsOf(items, '17').map((item) => childText(item, 'HostResource') ?? '')
  const place = ({ id, file }: OvfDisk): number => {
    const index = attached.findIndex((text) => text.endsWith(`/disk/${id}`) || text.endsWith(`/file/${file?.id}`))
    return index < 0 ? attached.length : index
  }
  return disks.toSorted((a, b) => place(a) - place(b))
}

// Prefixes of namespaces differ between programs; the local names do not clash.
function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

function attribute(element: XmlElement, name: string): string | undefined {
  return Object.entries(element.attributes).find(([key]) => localName(key) === name)?.[1]
}

function children(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter(
    (child): child is XmlElement => child instanceof XmlElement && localName(child.name) === name,
  )
}

function descendants(element: XmlElement, name: string): XmlElement[] {
  return element.children.flatMap((child) => {
    if (!(child instanceof XmlElement)) return []
    return localName(child.name) === name ? [child] : descendants(child, name)
  })
}

function childText(element: XmlElement, name: string): string | undefined {
  const [child] = children(element, name)
  const text = child?.children
    .map((part) => (part instanceof XmlText || part instanceof XmlCdata ? part.text : ''))
    .join('')
    .trim()
  return text === '' ? undefined : text
}
