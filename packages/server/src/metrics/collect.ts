import type { Access, Alarm, Connection, Host, InventoryObjects, InventoryType, Storage, Task, Vm } from '@nixen/api'
import type { Inventory } from '../inventory/inventory.ts'
import type { Views } from '../inventory/views.ts'
import type { Metric, Sample } from './text.ts'

export interface CollectOptions {
  readonly inventory: Inventory
  readonly views: Views
  readonly version: string
  /** Who asks: only what they may see is counted. */
  readonly access: Access
}

/** What Prometheus is told: connections, hosts, VMs and storages as the inventory knows them, and Nixen itself. */
export function collectMetrics(options: CollectOptions): readonly Metric[] {
  return [
    ...connectionMetrics(visible(options, 'connection')),
    ...hostMetrics(visible(options, 'host')),
    ...vmMetrics(visible(options, 'vm')),
    ...storageMetrics(visible(options, 'storage')),
    alarmMetric(visible(options, 'alarm')),
    runningTasks(visible(options, 'task')),
    ...ownMetrics(options),
  ]
}

function visible<T extends InventoryType>({ inventory, access }: CollectOptions, type: T): InventoryObjects[T][] {
  const reach = access.reach(`${type}:read`)
  if (reach === 'none') return []
  const all = [...inventory.all(type)]
  return reach === 'all' ? all : all.filter((object) => reach(object))
}

function gauge<T extends { readonly id: string; readonly name: string }>(
  name: string,
  help: string,
  { of, value }: { of: readonly T[]; value: (object: T) => number | undefined },
): Metric {
  const samples = of.flatMap((object): Sample[] => {
    const found = value(object)
    return found === undefined ? [] : [{ labels: { id: object.id, name: object.name }, value: found }]
  })
  return { name, help, type: 'gauge', samples }
}

function connectionMetrics(of: readonly Connection[]): Metric[] {
  const value = ({ state }: Connection): number => Number(state === 'connected')
  return [gauge('nixen_connection_up', 'Whether the connection is connected.', { of, value })]
}

function hostMetrics(of: readonly Host[]): Metric[] {
  return [
    gauge('nixen_host_up', 'Whether the host answers.', { of, value: ({ power }) => Number(power === 'running') }),
    gauge('nixen_host_enabled', 'Whether the host takes new VMs.', { of, value: ({ enabled }) => Number(enabled) }),
    gauge('nixen_host_memory_bytes', 'Memory of the host.', { of, value: ({ memory }) => memory }),
    gauge('nixen_host_memory_used_bytes', 'Memory in use.', { of, value: ({ memoryUsed }) => memoryUsed }),
    gauge('nixen_host_cpus', 'Processors of the host.', { of, value: ({ cpu }) => cpu?.threads }),
    gauge('nixen_host_vms', 'VMs that run on the host.', { of, value: ({ vms }) => vms }),
  ]
}

function vmMetrics(of: readonly Vm[]): Metric[] {
  return [
    gauge('nixen_vm_running', 'Whether the VM runs.', { of, value: ({ power }) => Number(power === 'running') }),
    gauge('nixen_vm_memory_bytes', 'Memory of the VM.', { of, value: ({ memory }) => memory }),
    gauge('nixen_vm_vcpus', 'Virtual processors.', { of, value: ({ vcpus }) => vcpus }),
    gauge('nixen_vm_disk_bytes', 'Virtual size of its disks.', { of, value: ({ diskSize }) => diskSize }),
    gauge('nixen_vm_disk_used_bytes', 'What its disks take.', { of, value: ({ diskUsed }) => diskUsed }),
    gauge('nixen_vm_snapshots', 'Number of snapshots.', { of, value: ({ snapshots }) => snapshots }),
    protectionMetric(of),
    gauge('nixen_vm_newest_restore_point_seconds', 'When the newest restore point was taken, seconds since 1970.', {
      of,
      value: ({ protection }) => (protection?.newest === undefined ? undefined : protection.newest / 1000),
    }),
    gauge('nixen_vm_verified_seconds', 'When a restore point was last started and found good, seconds since 1970.', {
      of,
      value: ({ protection }) => (protection?.verified === undefined ? undefined : protection.verified / 1000),
    }),
  ]
}

/** One line for each VM: its state is a label, so that alerts name it. */
function protectionMetric(of: readonly Vm[]): Metric {
  const samples = of.flatMap(({ id, name, protection }): Sample[] =>
    protection ? [{ labels: { id, name, state: protection.state }, value: 1 }] : [],
  )
  const help = 'Whether the VM could be had again: the state is unprotected, failing, late or protected.'
  return { name: 'nixen_vm_protection', help, type: 'gauge', samples }
}

function storageMetrics(of: readonly Storage[]): Metric[] {
  return [
    gauge('nixen_storage_ok', 'Attached where it should be.', { of, value: ({ state }) => Number(state === 'ok') }),
    gauge('nixen_storage_size_bytes', 'Room in all.', { of, value: ({ size }) => size }),
    gauge('nixen_storage_used_bytes', 'Room that is taken.', { of, value: ({ used }) => used }),
  ]
}

function alarmMetric(of: readonly Alarm[]): Metric {
  const counts = new Map<string, number>([
    ['critical', 0],
    ['warning', 0],
    ['info', 0],
  ])
  for (const { severity } of of) counts.set(severity, (counts.get(severity) ?? 0) + 1)
  const samples = [...counts].map(([severity, value]) => ({ labels: { severity }, value }))
  return { name: 'nixen_alarms', help: 'Alarms of pools, and of Nixen itself.', type: 'gauge', samples }
}

function runningTasks(of: readonly Task[]): Metric {
  const value = of.filter(({ state }) => state === 'running').length
  return { name: 'nixen_tasks_running', help: 'Tasks that run now.', type: 'gauge', samples: [{ labels: {}, value }] }
}

function ownMetrics({ inventory, views, version }: CollectOptions): Metric[] {
  const { rss, heapUsed } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const one = (name: string, help: string, value: number, type: Metric['type'] = 'gauge'): Metric => ({
    name,
    help,
    type,
    samples: [{ labels: {}, value }],
  })
  return [
    { name: 'nixen_info', help: 'What answers here.', type: 'gauge', samples: [{ labels: { version }, value: 1 }] },
    one('nixen_inventory_changes_total', 'Changes of the inventory.', inventory.revision, 'counter'),
    one('nixen_inventory_views', 'Views of the inventory in use.', views.count),
    one('process_cpu_seconds_total', 'User and system time.', (user + system) / 1e6, 'counter'),
    one('process_resident_memory_bytes', 'Resident memory.', rss),
    one('nodejs_heap_used_bytes', 'Heap in use.', heapUsed),
    one('process_start_time_seconds', 'Start of the process.', performance.timeOrigin / 1000),
  ]
}
