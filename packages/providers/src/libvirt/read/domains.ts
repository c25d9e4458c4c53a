import type { Vm } from '@nixen/api'
import { constants as c, optional, parseDomain, parseXml, type Domain, type Libvirt } from '@nixen/libvirt'
import { isProbe } from '../acceleration.ts'
import { isGone } from '../errors.ts'
import { readMetadata } from '../metadata.ts'
import type { DomainRow, GuestRow, SnapshotRow } from '../model/rows.ts'

/** What lists tell of all domains at once; each is a call. */
export interface DomainLists {
  readonly all: readonly Domain[]
  /** Uuids. */
  readonly autoStart: ReadonlySet<string>
  readonly saved: ReadonlySet<string>
  readonly withSnapshots: ReadonlySet<string>
  readonly transient: ReadonlySet<string>
}

export async function listDomains({ call }: Libvirt): Promise<DomainLists> {
  const list = async (flags: number): Promise<readonly Domain[]> =>
    // A filter that a driver does not know finds nothing.
    (await optional(call.connectListAllDomains({ needResults: 1, flags })))?.domains ?? []
  const [all, autoStart, saved, withSnapshots, transient] = await Promise.all([
    list(0),
    list(c.VIR_CONNECT_LIST_DOMAINS_AUTOSTART),
    list(c.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE),
    list(c.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT),
    list(c.VIR_CONNECT_LIST_DOMAINS_TRANSIENT),
  ])
  const uuids = (domains: readonly Domain[]): ReadonlySet<string> => new Set(domains.map(({ uuid }) => uuid))
  return {
    all: all.filter(({ name }) => !isProbe(name)),
    autoStart: uuids(autoStart),
    saved: uuids(saved),
    withSnapshots: uuids(withSnapshots),
    transient: uuids(transient),
  }
}

/** What is known of a domain already, or from lists. */
export interface DomainHints {
  readonly autoStart: boolean
  readonly isSaved: boolean
  readonly hasSnapshots: boolean
  readonly isTransient: boolean
  readonly guest: GuestRow | undefined
}

/** Asks for all that a list would have told. */
export async function hintsOf({ call }: Libvirt, dom: Domain, guest: GuestRow | undefined): Promise<DomainHints> {
  const [autoStart, saved, persistent] = await Promise.all([
    optional(call.domainGetAutostart({ dom })),
    optional(call.domainHasManagedSaveImage({ dom })),
    optional(call.domainIsPersistent({ dom })),
  ])
  return {
    autoStart: autoStart?.autostart === 1,
    isSaved: saved?.result === 1,
    hasSnapshots: true,
    isTransient: persistent?.persistent === 0,
    guest,
  }
}

/** Reads a domain; `undefined` when it is gone. */
export async function readDomainRow(
  libvirt: Libvirt,
  dom: Domain,
  hints: DomainHints | undefined,
): Promise<DomainRow | undefined> {
  try {
    const { call } = libvirt
    const [text, { state }, known] = await Promise.all([
      call.domainGetXmlDesc({ dom }),
      call.domainGetState({ dom }),
      hints ?? hintsOf(libvirt, dom, undefined),
    ])
    const snapshots = known.hasSnapshots ? await readSnapshots(libvirt, dom) : []
    const row = rowOf({ dom, text: text.xml, state, hints: known, snapshots })
    return isProbe(row.dom.name) ? undefined : row
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

function rowOf(found: {
  readonly dom: Domain
  readonly text: string
  readonly state: number
  readonly hints: DomainHints
  readonly snapshots: readonly SnapshotRow[]
}): DomainRow {
  const { dom, text, state, hints, snapshots } = found
  const { xml, disks, nics, ...spec } = parseDomain(text)
  const power = powerOf(state, hints.isSaved)
  return {
    // A new name is in the XML first.
    dom: { ...dom, name: spec.name || dom.name },
    spec: {
      ...spec,
      disks: disks.map(withoutXml),
      nics: nics.map(withoutXml),
    },
    power,
    autoStart: hints.autoStart,
    isTransient: hints.isTransient,
    metadata: readMetadata(xml),
    snapshots,
    guest: power === 'running' ? hints.guest : undefined,
  }
}

/** Rows are kept for long, and the XML that they were read from is large. */
function withoutXml<T extends { readonly xml: unknown }>(value: T): Omit<T, 'xml'> {
  const { xml: _xml, ...rest } = value
  return rest
}

const powers: ReadonlyMap<number, Vm['power']> = new Map([
  [c.VIR_DOMAIN_RUNNING, 'running'],
  [c.VIR_DOMAIN_BLOCKED, 'running'],
  [c.VIR_DOMAIN_PAUSED, 'paused'],
  [c.VIR_DOMAIN_SHUTDOWN, 'running'],
  [c.VIR_DOMAIN_SHUTOFF, 'halted'],
  [c.VIR_DOMAIN_CRASHED, 'crashed'],
  [c.VIR_DOMAIN_PMSUSPENDED, 'suspended'],
])

/** A domain that is off with its memory on disk goes on from there at its next start. */
export function powerOf(state: number, isSaved: boolean): Vm['power'] {
  const power = powers.get(state) ?? 'unknown'
  return power === 'halted' && isSaved ? 'suspended' : power
}

async function readSnapshots({ call }: Libvirt, dom: Domain): Promise<SnapshotRow[]> {
  const found = await optional(call.domainListAllSnapshots({ dom, needResults: 1 }))
  if (!found || found.snapshots.length === 0) return []
  const current = (await optional(call.domainHasCurrentSnapshot({ dom })))?.result
    ? (await call.domainSnapshotCurrent({ dom })).snap.name
    : undefined
  const rows: SnapshotRow[] = []
  for (const snap of found.snapshots) {
    const { xml } = await call.domainSnapshotGetXmlDesc({ snap })
    rows.push(readSnapshot(xml, snap.name === current))
  }
  return rows.toSorted((a, b) => a.created - b.created || (a.name < b.name ? -1 : 1))
}

function readSnapshot(text: string, isCurrent: boolean): SnapshotRow {
  const xml = parseXml(text, { root: 'domainsnapshot' })
  const memory = xml.find('memory')?.get('snapshot')
  return {
    name: xml.text('name'),
    description: xml.text('description'),
    created: (Number(xml.text('creationTime')) || 0) * 1000,
    parent: xml.text('parent', 'name') || undefined,
    isCurrent,
    // An internal snapshot of a running domain has its memory, and older daemons do not say so.
    hasMemory: memory === undefined ? xml.text('state') === 'running' : memory !== 'no',
  }
}
