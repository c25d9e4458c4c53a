import type { Database } from '../db/database.ts'
import { isNull, nullRef } from '../db/ref.ts'
import type { Row } from '../db/row.ts'
import type { ClassName, Ref, Rows } from '../generated/rows.ts'
import { hostMemory } from '../classes/host-memory.ts'
import { copyRows, type RefMap } from './copy-rows.ts'
import { localSrs } from './remove-host.ts'

/** What a newly installed host knows of itself, and what every installation brings. */
const hardware = ['PCI', 'PGPU', 'PUSB', 'host_cpu', 'Certificate'] as const satisfies readonly ClassName[]
const installed = ['role', 'SM', 'VGPU_type', 'GPU_group', 'USB_group'] as const satisfies readonly ClassName[]

/**
 * Fills an empty database with the pool of a host that was ejected: the host as newly installed, with its hardware, its management address, the default
 * templates and empty local storage. Machines, disks and settings of the old pool stay there.
 */
export function freshPool(from: Database, host: Ref<'host'>, { to, now }: { to: Database; now: number }): void {
  const refs: RefMap = new Map()
  const management = managementPif(from, host)
  const reached = management && from.get('PIF', management.shown)
  const rows = [...hostRows(from, host), ...networkRows(from, host, management?.device)]
  for (const cls of installed) rows.push(...from.rows(cls))
  rows.push(...templateRows(from))
  const seconds = `${Math.floor(now / 1000)}.`
  copyRows({
    from,
    to,
    rows,
    refs,
    change: (row) => ({ ...asInstalled(row, { management: management?.device, reached, seconds }) }),
  })
  // Copied above.
  const master = refs.get(host) as Ref<'host'>
  to.insert('pool', {
    name_label: '',
    name_description: '',
    master,
    cpu_info: to.get('host', master).cpu_info,
    restrictions: {},
    tls_verification_enabled: true,
    other_config: {},
  })
  addStorage(from, host, { to, master })
  const metrics = to.get('host', master).metrics
  to.update(metrics, { live: true, last_updated: now, memory_free: hostMemory(to, master).free })
}

/** The PIF that clients reach the host by, and the one that does it afterwards: of a bond, its first member. */
function managementPif(db: Database, host: Ref<'host'>): { shown: Ref<'PIF'>; device: Ref<'PIF'> } | undefined {
  const shown = [...db.get('host', host).PIFs].find((ref) => db.get('PIF', ref).management)
  if (shown === undefined) return undefined
  const [bond] = db.get('PIF', shown).bond_master_of
  return { shown, device: bond === undefined ? shown : db.get('Bond', bond).primary_slave }
}

function hostRows(db: Database, host: Ref<'host'>): Row[] {
  const { metrics, control_domain } = db.get('host', host)
  const rows: Row[] = [db.row('host', host), db.row('host_metrics', metrics)]
  for (const cls of hardware) {
    for (const row of db.rows(cls)) if ('host' in row.values && row.values.host === host) rows.push(row)
  }
  const dom0 = db.find('VM', control_domain)
  if (!dom0) return rows
  rows.push(db.row('VM', control_domain))
  for (const ref of [dom0.metrics, ...dom0.consoles]) {
    const row = db.anyRow(ref)
    if (row) rows.push(row)
  }
  return rows
}

/** The physical interfaces with their networks, the hosts' internal network, and a management VLAN. */
function networkRows(db: Database, host: Ref<'host'>, management: Ref<'PIF'> | undefined): Row[] {
  const pifs = [...db.get('host', host).PIFs].filter((ref) => db.get('PIF', ref).physical || ref === management)
  const rows = new Set<Row>()
  for (const pif of pifs) {
    const { metrics, network, VLAN_master_of } = db.get('PIF', pif)
    for (const ref of [pif, metrics, network, VLAN_master_of]) {
      const row = db.anyRow(ref)
      if (row) rows.add(row)
    }
  }
  for (const row of db.rows('network')) {
    if (row.values.other_config['is_host_internal_management_network'] === 'true') rows.add(row)
  }
  return [...rows]
}

function templateRows(db: Database): Row[] {
  return [...db.rows('VM')]
    .filter(({ values }) => values.is_default_template)
    .flatMap((row) => {
      const metrics = db.anyRow(row.values.metrics)
      return metrics ? [row, metrics] : [row]
    })
}

interface Installed {
  readonly management: Ref<'PIF'> | undefined
  /** The interface with the management address until now. */
  readonly reached: Readonly<Rows['PIF']> | undefined
  /** Now, as hosts write it in `other_config`. */
  readonly seconds: string
}

/** What a copy has otherwise, because nobody has set it yet. */
function asInstalled({ cls, ref, values }: Row, { management, reached, seconds }: Installed): object {
  if (cls.name === 'host' && 'hostname' in values) {
    return {
      name_label: values.hostname,
      name_description: 'Default install',
      enabled: true,
      tags: [],
      other_config: { agent_start_time: seconds, boot_time: seconds },
      external_auth_type: '',
      external_auth_service_name: '',
      external_auth_configuration: {},
      ha_statefiles: [],
      ha_network_peers: [],
    }
  }
  if (cls.name === 'network' && 'bridge' in values) {
    const device = /^xenbr(\d+)$/.exec(values.bridge)?.[1]
    const named = device === undefined ? {} : { name_label: `Pool-wide network associated with eth${device}` }
    return { ...named, tags: [], purpose: [] }
  }
  if (cls.name !== 'PIF') return {}
  const own = { currently_attached: true, disallow_unplug: false, other_config: {} }
  if (ref === management && reached) {
    const { ip_configuration_mode, IP, netmask, gateway, DNS } = reached
    return { ...own, management: true, ip_configuration_mode, IP, netmask, gateway, DNS }
  }
  const none = { ip_configuration_mode: 'None', IP: '', netmask: '', gateway: '', DNS: '' } as const
  return { ...own, ...none, management: false }
}

/** The local SRs again, empty; and the tools' SR. */
function addStorage(from: Database, host: Ref<'host'>, { to, master }: { to: Database; master: Ref<'host'> }): void {
  let first: Ref<'SR'> | undefined
  for (const sr of localSrs(from, host)) {
    const { type, content_type, physical_size, other_config, is_tools_sr } = from.get('SR', sr)
    if (is_tools_sr || type === 'iso' || isNull(sr)) continue
    const made = addSr(from, sr, { to, master, values: { other_config, physical_size } })
    if (content_type === 'user') first ??= made
  }
  for (const { ref, values } of from.rows('SR')) {
    if (!values.is_tools_sr) continue
    const values_ = { is_tools_sr: true, shared: true, other_config: values.other_config }
    const tools = addSr(from, ref, { to, master, values: values_ })
    for (const vdi of values.VDIs) {
      const { name_label, name_description, virtual_size, location, is_tools_iso, sm_config } = from.get('VDI', vdi)
      const fields = { name_label, name_description, virtual_size, location, is_tools_iso, sm_config }
      to.insert('VDI', { ...fields, SR: tools, type: 'user', read_only: true, managed: true })
    }
  }
  for (const { ref } of to.rows('pool')) {
    const sr = first ?? nullRef
    to.update(ref, { default_SR: sr, suspend_image_SR: sr, crash_dump_SR: sr })
  }
}

function addSr(
  from: Database,
  sr: Ref<'SR'>,
  { to, master, values }: { to: Database; master: Ref<'host'>; values: Partial<Rows['SR']> },
): Ref<'SR'> {
  const { name_label, name_description, type, content_type, PBDs } = from.get('SR', sr)
  const [pbd] = PBDs
  const made = to.insert('SR', { name_label, name_description, type, content_type, sm_config: {}, ...values })
  const device_config = pbd === undefined ? {} : from.get('PBD', pbd).device_config
  to.insert('PBD', { host: master, SR: made, device_config, currently_attached: true })
  return made
}
