import { GiB, seededRandom, TiB } from '@nixen/core'
import type { Database } from '../db/database.ts'
import { isNull, nullRef, randomUuids, seededUuids } from '../db/ref.ts'
import type { Ref } from '../generated/rows.ts'
import { addConsole } from '../classes/consoles.ts'
import { hostMemory } from '../classes/host-memory.ts'
import { purposes, sites } from './catalogue.ts'
import type { GenerateContext } from './context.ts'
import { addGpus } from './gpus.ts'
import { addHosts } from './hosts.ts'
import { addPcis } from './pci.ts'
import { addDrivers, addStorage } from './storage.ts'
import { addTemplates } from './templates.ts'
import { addUsbs } from './usb.ts'
import { addVms } from './vms.ts'

export interface InventoryOptions {
  /** The same seed makes the same inventory, references and all. */
  readonly seed: number
  /** Number of the pool, from 0. */
  readonly pool: number
  readonly hosts: number
  readonly vms: number
  readonly now: number
  readonly address: (host: number) => string
}

/** Fills an empty database with a believable pool. */
export function generateInventory(db: Database, options: InventoryOptions): void {
  const random = seededRandom(options.seed * 1000 + options.pool)
  db.useUuids(seededUuids(random))
  const context: GenerateContext = { db, random, ...options }
  const site = sites[options.pool % sites.length] ?? 'site'
  addRoles(db)
  addDrivers(context)
  const mean = purposes.reduce((sum, purpose) => sum + purpose.memory, 0) / purposes.length
  // Room for all machines and a third more, so that one host may be emptied.
  const memory = powerOfTwo(Math.max(128 * GiB, (1.5 * options.vms * mean) / options.hosts))
  const { hosts, networks } = addHosts(context, { site, memory })
  const storage = addStorage(context, {
    hosts,
    site,
    capacity: powerOfTwo(Math.max(10 * TiB, options.vms * 0.2 * TiB)),
  })
  addPool(context, site, { hosts, defaultSr: storage.shared[0] ?? storage.local[0] ?? nullRef })
  addTemplates(context)
  addVms(context, { hosts, networks, storage })
  // Last, so that all else stays as it was for the same seed.
  for (const host of hosts) addPcis(context, host)
  addTextConsoles(db)
  for (const host of hosts) db.update(db.get('host', host).metrics, { memory_free: hostMemory(db, host).free })
  for (const host of hosts) {
    addGpus(context, host)
    addUsbs(context, host)
  }
  db.useUuids(randomUuids)
}

/** Each running machine has a serial line beside its screen, and a control domain has both. */
function addTextConsoles(db: Database): void {
  for (const { ref, values } of db.rows('VM')) {
    if (isNull(values.resident_on)) continue
    if (values.is_control_domain) addConsole(db, ref, 'rfb')
    if (values.power_state === 'Running' || values.power_state === 'Paused') addConsole(db, ref, 'vt100')
  }
}

function addPool(
  { db }: GenerateContext,
  site: string,
  { hosts, defaultSr }: { hosts: readonly Ref<'host'>[]; defaultSr: Ref<'SR'> },
): void {
  const master = hosts[0]
  if (!master) throw new RangeError('A pool has at least one host')
  const { cpu_info } = db.get('host', master)
  db.insert('pool', {
    name_label: hosts.length > 1 ? `Pool ${site}` : '',
    name_description: '',
    master,
    default_SR: defaultSr,
    suspend_image_SR: defaultSr,
    crash_dump_SR: defaultSr,
    other_config: { auto_poweron: 'true' },
    cpu_info: { ...cpu_info, cpu_count: String(Number(cpu_info['cpu_count'] ?? 0) * hosts.length) },
    restrictions: {},
    tls_verification_enabled: true,
    wlb_enabled: false,
    wlb_verify_cert: false,
  })
}

/** The roles that subjects may have; the permissions below them are not rows here. */
function addRoles(db: Database): void {
  for (const { name, internal } of db.model.roles) {
    const values = { name_label: name, name_description: `The ${name} role`, subroles: [], is_internal: internal }
    // The data model gives new subjects this role by its reference.
    const ref = name === 'pool-admin' ? 'OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba' : undefined
    db.insert('role', values, ref === undefined ? {} : { ref })
  }
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast))
}
