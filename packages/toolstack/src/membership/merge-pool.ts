import type { Database } from '../db/database.ts'
import { isNull } from '../db/ref.ts'
import type { Row } from '../db/row.ts'
import type { ClassName, Ref } from '../generated/rows.ts'
import { masterOf, poolRef } from '../pool/pool.ts'
import { copyRows, matchRows, unmatched, type RefMap } from './copy-rows.ts'
import { updatePoolCpus } from './pool-cpus.ts'

/** What of a host's own pool comes along, in the order it is made. */
const movingClasses = [
  'host_metrics',
  'host',
  'host_cpu',
  'PCI',
  'GPU_group',
  'VGPU_type',
  'PGPU',
  'USB_group',
  'PUSB',
  'SM',
  'SR',
  'PBD',
  'VDI',
  'network',
  'PIF_metrics',
  'PIF',
  'VLAN',
  'VM_metrics',
  'VM_guest_metrics',
  'VM_appliance',
  'VM_group',
  'VM',
  'VBD',
  'VIF',
  'VTPM',
  'console',
  'secret',
  'Certificate',
] as const satisfies readonly ClassName[]

/** What a join made. */
export interface Merged {
  /** The host in its new pool. */
  readonly host: Ref<'host'>
  /** UUIDs of the SRs that came along, whose files have to follow. */
  readonly srs: readonly string[]
}

/**
 * Adds a host with all that is its own to the inventory of a pool, as a host does when it joins: objects that the pool has already (by UUID, default
 * templates by name, physical networks by bridge, the tools' SR) are those of the pool. PBDs are not plugged yet.
 */
export function mergePool(from: Database, to: Database): Merged {
  const refs: RefMap = new Map()
  const plan = { from, to, refs }
  for (const cls of movingClasses) matchRows(plan, cls, (row) => uuidOf(row))
  refs.set(poolRef(from), poolRef(to))
  matchDrivers(plan)
  matchNetworks(plan)
  matchTools(plan)
  const vms = matchTemplates(plan)
  const staying = { vms, metrics: metricsOf(from, vms) }
  const rows = unmatched(from, movingClasses, refs).filter((row) => !isPartOf(row, staying))
  const bridges = new Set([...to.rows('network')].map(({ values }) => values.bridge))
  copyRows({ ...plan, rows, change: (row) => changeOf(row, bridges) })
  // Every host is copied: the checks found no host of the pool with its UUID.
  const host = refs.get(masterOf(from)) as Ref<'host'>
  moveManagementVlan(to, host)
  addSharedPbds(to, host)
  addVlans(to, host)
  updatePoolCpus(to)
  const srs = rows.filter(({ cls }) => cls.name === 'SR').map((row) => uuidOf(row) ?? '')
  return { host, srs }
}

function uuidOf({ values }: Row): string | undefined {
  return 'uuid' in values ? (values.uuid ?? undefined) : undefined
}

type Plan = { readonly from: Database; readonly to: Database; readonly refs: RefMap }

function matchDrivers(plan: Plan): void {
  matchRows(plan, 'SM', ({ values }) => values.type)
  matchRows(plan, 'role', ({ values }) => values.name_label)
  matchRows(plan, 'GPU_group', ({ values }) => values.name_label)
  matchRows(plan, 'USB_group', ({ values }) => values.name_label)
  matchRows(plan, 'VGPU_type', ({ values }) => values.identifier)
  matchRows(plan, 'Certificate', ({ values }) => (values.type === 'ca' ? values.name : undefined))
}

/** Physical networks, and the hosts' internal one, are the same when their bridges have the same name. */
function matchNetworks(plan: Plan): void {
  const { from } = plan
  const physical = new Set(
    [...from.rows('network')]
      .filter(({ values }) => {
        const [first] = values.PIFs
        const internal = values.other_config['is_host_internal_management_network'] === 'true'
        return internal || (first !== undefined && from.get('PIF', first).physical)
      })
      .map(({ values }) => values.bridge),
  )
  matchRows(plan, 'network', ({ values }) => (physical.has(values.bridge) ? values.bridge : undefined))
}

/** The tools' SR is the same everywhere, and so are its images. */
function matchTools(plan: Plan): void {
  const { from, to } = plan
  matchRows(plan, 'SR', ({ values }) => (values.is_tools_sr ? 'tools' : undefined))
  const onTools = (db: Database, sr: Ref<'SR'>): boolean => db.find('SR', sr)?.is_tools_sr ?? false
  if (![...to.rows('SR')].some(({ values }) => values.is_tools_sr)) return
  matchRows(plan, 'VDI', (row) =>
    onTools(from, row.values.SR) || onTools(to, row.values.SR) ? row.values.location : undefined,
  )
}

/** Default templates that the pool has too stay behind. The machines that do. */
function matchTemplates(plan: Plan): Set<Ref<'VM'>> {
  matchRows(plan, 'VM', ({ values }) => (values.is_default_template ? values.name_label : undefined))
  return new Set([...plan.from.rows('VM')].filter(({ ref }) => plan.refs.has(ref)).map(({ ref }) => ref))
}

/** Whether a row is a part of one of these machines. */
function isPartOf(row: Row, { vms, metrics }: { vms: ReadonlySet<string>; metrics: ReadonlySet<string> }): boolean {
  return metrics.has(row.ref) || ('VM' in row.values && vms.has(row.values.VM))
}

/** References of the metrics of machines. */
function metricsOf(db: Database, vms: ReadonlySet<Ref<'VM'>>): Set<string> {
  return new Set(
    [...vms].map((vm) => db.get('VM', vm)).flatMap(({ metrics, guest_metrics }) => [metrics, guest_metrics]),
  )
}

function changeOf({ cls, values }: Row, bridges: Set<string>): object {
  switch (cls.name) {
    case 'SR':
      return { shared: false }
    case 'PBD':
      return { currently_attached: false }
    case 'network':
      return { bridge: freeBridge('bridge' in values ? values.bridge : '', bridges) }
    default:
      return {}
  }
}

function freeBridge(wanted: string, taken: Set<string>): string {
  let bridge = wanted
  for (let number = 0; taken.has(bridge) || bridge === ''; number++) bridge = `xapi${number}`
  taken.add(bridge)
  return bridge
}

/** A management VLAN is on the pool's network for it. */
function moveManagementVlan(db: Database, host: Ref<'host'>): void {
  const management = (of: Ref<'host'>): Ref<'PIF'> | undefined =>
    [...db.get('host', of).PIFs].find((pif) => db.get('PIF', pif).management)
  const [mine, theirs] = [management(host), management(masterOf(db))]
  if (mine === undefined || theirs === undefined || db.get('PIF', mine).VLAN < 0) return
  db.update(mine, { network: db.get('PIF', theirs).network })
}

/** A new member gets a PBD of every shared SR, with the master's configuration; not plugged yet. */
function addSharedPbds(db: Database, host: Ref<'host'>): void {
  const master = masterOf(db)
  for (const { ref: SR, values } of db.rows('SR')) {
    const pbds = [...values.PBDs].map((ref) => db.get('PBD', ref))
    const model = pbds.find((pbd) => pbd.host === master)
    if (!values.shared || !model || pbds.some((pbd) => pbd.host === host)) continue
    const { device_config, other_config } = model
    db.insert('PBD', { host, SR, device_config, other_config, currently_attached: false })
  }
}

/** A new member gets the VLANs that the master has on devices of the same name. */
function addVlans(db: Database, host: Ref<'host'>): void {
  for (const { values } of db.rows('VLAN')) {
    const [tagged, untagged] = [db.find('PIF', values.tagged_PIF), db.find('PIF', values.untagged_PIF)]
    if (!tagged || !untagged || tagged.host !== masterOf(db)) continue
    const pifs = [...db.get('host', host).PIFs]
    const device = pifs.find((ref) => db.get('PIF', ref).device === tagged.device && db.get('PIF', ref).VLAN < 0)
    const there = pifs.some((ref) => db.get('PIF', ref).network === untagged.network)
    if (device === undefined || there) continue
    const { MAC, MTU } = db.get('PIF', device)
    const metrics = isNull(untagged.metrics)
      ? untagged.metrics
      : db.insert('PIF_metrics', { carrier: true, speed: 10_000, duplex: true })
    const fields = { device: tagged.device, host, MAC, MTU, metrics, VLAN: values.tag, network: untagged.network }
    const pif = db.insert('PIF', { ...fields, currently_attached: true, managed: true })
    const vlan = db.insert('VLAN', { tag: values.tag, tagged_PIF: device, untagged_PIF: pif })
    db.update(pif, { VLAN_master_of: vlan })
  }
}

/** Plugs what a new member can reach, now that the files are where they belong. */
export function plugPbds(db: Database, host: Ref<'host'>): void {
  for (const pbd of db.get('host', host).PBDs) db.update(pbd, { currently_attached: true })
}
