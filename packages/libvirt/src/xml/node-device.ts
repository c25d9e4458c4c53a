import type { XmlElement } from './element.ts'
import { countOf, parseXml } from './parse.ts'

/** A thing with a number and a name, as in the lists of PCI and USB ids. */
export interface NumberedName {
  /** `0x8086` */
  readonly id: string
  readonly name: string
}

/** `<device>` of a host. */
export interface NodeDevice {
  /** `pci_0000_00_1f_2`, `net_eth0_52_54_…`, `computer`. */
  readonly name: string
  readonly parent: string | undefined
  readonly driver: string | undefined
  /** `pci`, `usb_device`, `net`, `storage`, `system`, … */
  readonly capability: string
  readonly vendor: NumberedName | undefined
  readonly product: NumberedName | undefined
  /** `0000:00:1f.2` of a PCI device. */
  readonly pciAddress: string | undefined
  readonly iommuGroup: number | undefined
  /** Name of the interface, of a NIC. */
  readonly interface: string | undefined
  readonly mac: string | undefined
  readonly xml: XmlElement
}

/** @throws libvirt.bad_xml */
export function parseNodeDevice(text: string): NodeDevice {
  const xml = parseXml(text, { root: 'device' })
  const capability = xml.find('capability')
  return {
    name: xml.text('name'),
    parent: xml.text('parent') || undefined,
    driver: xml.text('driver', 'name') || undefined,
    capability: capability?.get('type') ?? '',
    vendor: numbered(capability?.find('vendor')),
    product: numbered(capability?.find('product')),
    pciAddress: capability?.get('type') === 'pci' ? pciAddress(capability) : undefined,
    iommuGroup: countOf(capability?.find('iommuGroup')?.get('number')),
    interface: capability?.text('interface') || undefined,
    mac: capability?.get('type') === 'net' ? capability.text('address') || undefined : undefined,
    xml,
  }
}

function numbered(element: XmlElement | undefined): NumberedName | undefined {
  const id = element?.get('id')
  return element && id !== undefined ? { id, name: element.text() } : undefined
}

function pciAddress(capability: XmlElement): string | undefined {
  const [domain, bus, slot, fun] = ['domain', 'bus', 'slot', 'function'].map((part) => countOf(capability.text(part)))
  if (domain === undefined || bus === undefined || slot === undefined || fun === undefined) return undefined
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
  return `${hex(domain, 4)}:${hex(bus, 2)}:${hex(slot, 2)}.${fun}`
}
