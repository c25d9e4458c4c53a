import { parseXml, xml, type XmlElement } from '@nixen/libvirt'

/** Name of our part of `<metadata>`; nobody resolves it. */
export const metadataUri = 'urn:nixen:vm:1'
/** Prefix that libvirt is asked to write it with. */
export const metadataPrefix = 'nixen'

/** What Nixen keeps with a domain where libvirt has no place of its own. */
export interface VmMetadata {
  readonly tags: readonly string[]
  /** Markdown. */
  readonly notes: string | undefined
  readonly fields: Readonly<Record<string, string>>
  readonly blocked: Readonly<Record<string, string>>
  /** Nixen's id of the line of its backups. */
  readonly lineage: string | undefined
  readonly isTemplate: boolean
  /** Epoch milliseconds. */
  readonly created: number | undefined
  /** XML of the checkpoints that backups keep, by name: libvirt does not take its own along when a VM moves to another host. */
  readonly checkpoints: Readonly<Record<string, string>>
}

export const noMetadata: VmMetadata = {
  tags: [],
  notes: undefined,
  fields: {},
  blocked: {},
  lineage: undefined,
  isTemplate: false,
  created: undefined,
  checkpoints: {},
}

/** Our part of a domain's metadata; what is not there is empty. */
export function readMetadata(domain: XmlElement): VmMetadata {
  // Whatever prefix it was given: the name tells.
  const found = domain
    .find('metadata')
    ?.children()
    .find((one) => [...one.attributes.values()].includes(metadataUri))
  return found ? readVm(found) : noMetadata
}

/** As {@link readMetadata}, from the text that `domainGetMetadata` gives. */
export function parseMetadata(text: string): VmMetadata {
  return readVm(parseXml(text))
}

function readVm(found: XmlElement): VmMetadata {
  const local = (one: XmlElement): string => one.name.slice(one.name.indexOf(':') + 1)
  const all = (name: string): XmlElement[] => found.children().filter((one) => local(one) === name)
  const text = (name: string): string | undefined => all(name)[0]?.text() || undefined
  const map = (name: string): Record<string, string> =>
    Object.fromEntries(all(name).map((one) => [one.get('name') ?? '', one.text()]))
  const created = Number(text('created'))
  return {
    tags: all('tag')
      .map((one) => one.text())
      .toSorted(),
    notes: text('notes'),
    fields: map('field'),
    blocked: map('blocked'),
    lineage: text('lineage'),
    isTemplate: all('template').length > 0,
    created: created > 0 ? created : undefined,
    checkpoints: map('checkpoint'),
  }
}

/** The XML of it. Without a prefix: libvirt adds its own when it is set, and keeps ours in a whole domain. */
export function metadataXml(vm: VmMetadata): XmlElement {
  const list = (name: string, values: Readonly<Record<string, string>>): XmlElement[] =>
    Object.entries(values).map(([key, value]) => xml(name, { name: key }, value))
  const one = (name: string, value: string | number | undefined): XmlElement[] =>
    value === undefined ? [] : [xml(name, {}, value)]
  return xml(
    'vm',
    { xmlns: metadataUri },
    ...vm.tags.map((tag) => xml('tag', {}, tag)),
    ...one('notes', vm.notes),
    ...list('field', vm.fields),
    ...list('blocked', vm.blocked),
    ...one('lineage', vm.lineage),
    ...(vm.isTemplate ? [xml('template')] : []),
    ...one('created', vm.created),
    ...list('checkpoint', vm.checkpoints),
  )
}

/** Puts it into the XML of a domain, in place of what was there. */
export function setMetadata(domain: XmlElement, vm: VmMetadata): void {
  const metadata = domain.ensure('metadata')
  for (const old of metadata.children()) if ([...old.attributes.values()].includes(metadataUri)) metadata.remove(old)
  metadata.add(metadataXml(vm))
}
