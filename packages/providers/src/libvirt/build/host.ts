import type { Host, Network, Nic, Pool } from '@nixen/api'
import type { Model } from '../model/model.ts'
import type { HostNicRow, HostRow, NetworkRow } from '../model/rows.ts'
import { defaultPool } from './storage.ts'

/** How many domains run, and what memory they have. */
function load(model: Model): { readonly running: number; readonly memory: number } {
  let running = 0
  let memory = 0
  for (const { power, spec } of model.domains.values()) {
    if (power !== 'running' && power !== 'paused') continue
    running++
    memory += spec.memory
  }
  return { running, memory }
}

/** A libvirt connection is a pool with one host (DESIGN: identity). */
export function buildPool(model: Model, row: HostRow): Pool {
  const vms = [...model.domains.values()].filter(({ metadata }) => !metadata.isTemplate).length
  const pool: Pool = {
    id: model.id('pool', row.key),
    connection: model.connection,
    name: row.hostname,
    tags: [],
    kind: 'libvirt',
    master: model.id('host', row.key),
    hosts: 1,
    vms,
    running: load(model).running,
    cpus: row.threads,
    memory: row.memory,
    memoryUsed: Math.min(load(model).memory, row.memory),
    version: `libvirt ${row.libvirtVersion}`,
  }
  const storage = defaultPool(model)
  if (storage !== undefined) pool.defaultStorage = model.id('storage', storage)
  return pool
}

export function buildHost(model: Model, row: HostRow): Host {
  const host: Host = {
    id: model.id('host', row.key),
    connection: model.connection,
    pool: model.id('pool', row.key),
    name: row.hostname,
    tags: [],
    power: 'running',
    enabled: true,
    master: true,
    hostname: row.hostname,
    product: {
      name: 'libvirt',
      version: row.libvirtVersion,
      hypervisor: `${row.hypervisor} ${row.hypervisorVersion}`,
    },
    cpu: { sockets: row.sockets, cores: row.cores, threads: row.threads },
    memory: row.memory,
    memoryUsed: Math.min(load(model).memory, row.memory),
    vms: load(model).running,
    iommu: row.iommu,
  }
  if (host.cpu && row.cpuModel !== undefined) host.cpu.model = row.cpuModel
  if (host.cpu && row.cpuVendor !== undefined) host.cpu.vendor = row.cpuVendor
  return host
}

const kinds: Readonly<Record<string, Network['kind']>> = {
  nat: 'nat',
  isolated: 'internal',
  bridge: 'external',
  route: 'external',
  open: 'external',
  private: 'external',
  vepa: 'external',
  passthrough: 'external',
  hostdev: 'external',
}

export function buildNetwork(model: Model, row: NetworkRow): Network {
  let nics = 0
  for (const { spec, metadata } of model.domains.values()) {
    if (metadata.isTemplate) continue
    nics += spec.nics.filter(({ type, source }) => type === 'network' && source === row.name).length
  }
  const network: Network = {
    id: model.id('network', row.uuid),
    connection: model.connection,
    pool: model.id('pool', model.host?.key ?? ''),
    name: row.name,
    tags: [],
    kind: kinds[row.forward] ?? 'other',
    nics,
    default: row.name === 'default',
  }
  const text = row.description || row.title
  if (text !== '') network.description = text
  if (row.bridge !== undefined) network.bridge = row.bridge
  if (row.mtu !== undefined) network.mtu = row.mtu
  if (row.vlan !== undefined) network.vlan = row.vlan
  return network
}

export function buildHostNic(model: Model, row: HostNicRow): Nic {
  const nic: Nic = {
    id: model.id('nic', row.device),
    connection: model.connection,
    pool: model.id('pool', model.host?.key ?? ''),
    host: model.id('host', model.host?.key ?? ''),
    name: row.name,
    kind: 'physical',
    attached: row.carrier ?? true,
    ips: [],
  }
  if (row.mac !== undefined) nic.mac = row.mac
  if (row.carrier !== undefined) nic.carrier = row.carrier
  if (row.speed !== undefined) nic.speed = row.speed
  return nic
}
