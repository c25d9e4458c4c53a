import type { XmlElement } from './element.ts'
import { countOf, parseXml } from './parse.ts'

/** `<network>` */
export interface NetworkXml {
  readonly name: string
  readonly uuid: string
  readonly title: string
  readonly description: string
  /** `nat`, `route`, `open`, `bridge`, …; `isolated` where nothing is forwarded. */
  readonly forward: string
  readonly bridge: string | undefined
  readonly mtu: number | undefined
  readonly vlan: number | undefined
  /** Addresses of the host in it. */
  readonly addresses: readonly { readonly address: string; readonly prefix: number | undefined }[]
  readonly xml: XmlElement
}

/** @throws libvirt.bad_xml */
export function parseNetwork(text: string): NetworkXml {
  const xml = parseXml(text, { root: 'network' })
  const forward = xml.find('forward')
  return {
    name: xml.text('name'),
    uuid: xml.text('uuid'),
    title: xml.text('title'),
    description: xml.text('description'),
    forward: forward ? (forward.get('mode') ?? 'nat') : 'isolated',
    bridge: xml.find('bridge')?.get('name'),
    mtu: countOf(xml.find('mtu')?.get('size')),
    vlan: countOf(xml.find('vlan', 'tag')?.get('id')),
    addresses: xml.children('ip').map((ip) => ({
      address: ip.get('address') ?? '',
      prefix: countOf(ip.get('prefix')) ?? prefixOf(ip.get('netmask')),
    })),
    xml,
  }
}

function prefixOf(netmask: string | undefined): number | undefined {
  const parts = netmask?.split('.').map(Number)
  if (parts?.length !== 4) return undefined
  return parts.map((part) => part.toString(2).replaceAll('0', '').length).reduce((sum, bits) => sum + bits, 0)
}
