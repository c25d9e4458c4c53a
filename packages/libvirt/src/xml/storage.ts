import type { XmlElement } from './element.ts'
import { parseXml, sizeOf } from './parse.ts'

/** `<pool>`. Sizes in bytes. */
export interface StoragePoolXml {
  /** `dir`, `fs`, `netfs`, `logical`, `disk`, `rbd`, `zfs`, … */
  readonly type: string
  readonly name: string
  readonly uuid: string
  readonly capacity: number | undefined
  readonly allocation: number | undefined
  readonly available: number | undefined
  readonly path: string | undefined
  readonly xml: XmlElement
}

/** `<volume>`. Sizes in bytes. */
export interface StorageVolumeXml {
  /** `file`, `block`, `dir`, `network`. */
  readonly type: string
  readonly name: string
  /** Names it on its host for ever. */
  readonly key: string
  readonly path: string
  readonly capacity: number
  readonly allocation: number | undefined
  readonly format: string | undefined
  /** The image below it. */
  readonly backing: { readonly path: string; readonly format: string | undefined } | undefined
  /** Epoch milliseconds. */
  readonly changed: number | undefined
  readonly xml: XmlElement
}

/** @throws libvirt.bad_xml */
export function parseStoragePool(text: string): StoragePoolXml {
  const xml = parseXml(text, { root: 'pool' })
  return {
    type: xml.get('type') ?? '',
    name: xml.text('name'),
    uuid: xml.text('uuid'),
    capacity: sizeOf(xml.find('capacity'), 'b'),
    allocation: sizeOf(xml.find('allocation'), 'b'),
    available: sizeOf(xml.find('available'), 'b'),
    path: xml.text('target', 'path') || undefined,
    xml,
  }
}

/** @throws libvirt.bad_xml */
export function parseStorageVolume(text: string): StorageVolumeXml {
  const xml = parseXml(text, { root: 'volume' })
  const backing = xml.text('backingStore', 'path')
  const changed = Number(xml.text('target', 'timestamps', 'mtime')) * 1000
  return {
    type: xml.get('type') ?? 'file',
    name: xml.text('name'),
    key: xml.text('key'),
    path: xml.text('target', 'path'),
    capacity: sizeOf(xml.find('capacity'), 'b') ?? 0,
    allocation: sizeOf(xml.find('allocation'), 'b'),
    format: xml.find('target', 'format')?.get('type'),
    backing: backing === '' ? undefined : { path: backing, format: xml.find('backingStore', 'format')?.get('type') },
    changed: changed > 0 ? Math.trunc(changed) : undefined,
    xml,
  }
}
