import type { Host, Network, Storage, Vm } from '@nixen/api'
import { Link, useParams } from '@tanstack/react-router'
import { MonitorPlay } from 'lucide-react'
import { lazy, Suspense, type ReactNode } from 'react'
import { formatBytes, formatCount } from '../format/format.ts'
import { HostState, PowerState, StorageState } from '../lists/states.tsx'
import { useAll, useObject } from '../live/live.ts'
import { ObjectLink } from '../ui/link-to.tsx'
import { UsageMeter } from '../ui/meter.tsx'
import { Card, Facts, Page } from '../ui/page.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { TabLinks } from '../ui/tab-links.tsx'
import { Tags } from '../ui/tags.tsx'
import { Ago } from '../ui/time.tsx'
import { Gone } from './page-error.tsx'
import { common } from '../i18n/common.ts'
import { shell } from '../i18n/shell.ts'
import { lists } from '../i18n/lists.ts'
import { inventoryText as t } from '../i18n/inventory.ts'

/** Rows of a table inside of a page; the list has the rest. */
const most = 100

function useId(): string {
  return useParams({ strict: false }).id ?? ''
}

/** One host. */
export function HostPage(): ReactNode {
  const host = useObject('host', useId())
  return host ? <HostDetails host={host} /> : <Gone what="host" list="/hosts" />
}

/** The head of the parts of a host. */
function HostFrame({ host, children }: { readonly host: Host; readonly children: ReactNode }): ReactNode {
  const base = `/hosts/${host.id}`
  return (
    <Page
      title={host.name}
      crumbs={[{ label: shell.hosts, to: '/hosts' }]}
      note={<HostState host={host} />}
      actions={
        <Link
          to="/hosts/$id/console"
          params={{ id: host.id }}
          className="border-line bg-raised hover:bg-hover inline-flex min-h-8 items-center gap-1.5 rounded-md border px-3 text-sm font-medium"
        >
          <MonitorPlay size={16} aria-hidden /> {t.consoleTab}
        </Link>
      }
    >
      <TabLinks
        label={t.details}
        tabs={[
          { to: base, label: t.details },
          { to: `${base}/charts`, label: t.charts },
        ]}
      />
      {children}
    </Page>
  )
}

/** What was measured of a host. */
export function HostChartsPage(): ReactNode {
  const host = useObject('host', useId())
  if (!host) return <Gone what="host" list="/hosts" />
  return (
    <HostFrame host={host}>
      <Charts type="host" id={host.id} name={host.name} />
    </HostFrame>
  )
}

const StatsCharts = lazy(async () => ({ default: (await import('../charts/stats-charts.tsx')).StatsCharts }))

function Charts(object: { readonly type: 'host' | 'storage'; readonly id: string; readonly name: string }): ReactNode {
  return (
    <Suspense fallback={<p role="status">{common.loading}</p>}>
      <StatsCharts objects={[object]} />
    </Suspense>
  )
}

function HostDetails({ host }: { readonly host: Host }): ReactNode {
  const vms = useAll('vm').filter((vm) => vm.host === host.id)
  const nics = useAll('nic').filter((nic) => nic.host === host.id)
  const { cpu, product } = host
  return (
    <HostFrame host={host}>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card title={t.whatItIs}>
          <Facts
            facts={[
              [common.description, host.description],
              [common.tags, host.tags.length > 0 ? <Tags tags={host.tags} /> : undefined],
              [t.pool, <ObjectLink id={host.pool} />],
              [t.role, host.master ? t.leads : t.member],
              [t.address, host.address],
              [t.hostName, host.hostname],
              [t.product, product && `${product.name} ${product.version}`],
              [t.hypervisor, product?.hypervisor],
              [t.booted, host.started === undefined ? undefined : <Ago time={host.started} />],
              [t.restart, host.needsReboot === true ? t.restartWaits : undefined],
              [common.id, <code className="text-xs break-all">{host.id}</code>],
            ]}
          />
        </Card>
        <Card title={t.resources}>
          <Facts
            facts={[
              [t.processor, cpu?.model],
              [t.cpus, cpu && t.cpuText({ threads: cpu.threads, cores: cpu.cores, sockets: cpu.sockets })],
              [t.memory, host.memory === undefined ? undefined : formatBytes(host.memory)],
              [t.inUse, <UsageMeter used={host.memoryUsed} size={host.memory} label={t.memoryInUse} />],
              [t.certificate, host.certificate && <code className="text-xs break-all">{host.certificate}</code>],
            ]}
          />
        </Card>
        <VmsCard vms={vms} q={`host:${host.id}`} title={t.vmsOnIt} />
        <Card title={t.nics}>
          <SimpleTable
            label={t.nics}
            heads={[t.nic, t.network, t.mac, t.addresses, t.link]}
            none={t.noNics}
            rows={nics.map(({ id, name, network, mac, ips, carrier }) => ({
              id,
              cells: [
                name,
                <ObjectLink id={network} />,
                mac ?? '–',
                ips.join(', ') || '–',
                carrier === undefined ? '–' : carrier ? t.up : t.down,
              ],
            }))}
          />
        </Card>
      </div>
    </HostFrame>
  )
}

/** One storage. */
export function StoragePage(): ReactNode {
  const storage = useObject('storage', useId())
  return storage ? <StorageDetails storage={storage} /> : <Gone what="storage" list="/storages" />
}

/** The head of the parts of a storage. */
function StorageFrame({ storage, children }: { readonly storage: Storage; readonly children: ReactNode }): ReactNode {
  const base = `/storages/${storage.id}`
  return (
    <Page
      title={storage.name}
      crumbs={[{ label: shell.storages, to: '/storages' }]}
      note={<StorageState storage={storage} />}
    >
      <TabLinks
        label={t.details}
        tabs={[
          { to: base, label: t.details },
          { to: `${base}/charts`, label: t.charts },
        ]}
      />
      {children}
    </Page>
  )
}

/** What was measured of a storage. */
export function StorageChartsPage(): ReactNode {
  const storage = useObject('storage', useId())
  if (!storage) return <Gone what="storage" list="/storages" />
  return (
    <StorageFrame storage={storage}>
      <Charts type="storage" id={storage.id} name={storage.name} />
    </StorageFrame>
  )
}

function StorageDetails({ storage }: { readonly storage: Storage }): ReactNode {
  const disks = useAll('disk').filter((disk) => disk.storage === storage.id)
  const { size, used, allocated } = storage
  return (
    <StorageFrame storage={storage}>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card title={t.whatItIs}>
          <Facts
            facts={[
              [common.description, storage.description],
              [common.tags, storage.tags.length > 0 ? <Tags tags={storage.tags} /> : undefined],
              [t.pool, <ObjectLink id={storage.pool} />],
              [t.kind, storage.kind],
              [t.for, lists.contents[storage.content]],
              [t.shared, storage.shared ? common.yes : common.no],
              [t.thin, storage.thin === undefined ? undefined : storage.thin ? common.yes : common.no],
              [t.defaultOfPool, storage.default === true ? common.yes : undefined],
              [common.id, <code className="text-xs break-all">{storage.id}</code>],
            ]}
          />
        </Card>
        <Card title={t.room}>
          <Facts
            facts={[
              [t.size, size === undefined ? undefined : formatBytes(size)],
              [t.taken, <UsageMeter used={used} size={size} label={t.roomTaken} />],
              [t.promised, allocated === undefined ? undefined : formatBytes(allocated)],
              [t.attachedTo, links(storage.hosts)],
              [t.missingOn, storage.missing && storage.missing.length > 0 ? links(storage.missing) : undefined],
            ]}
          />
        </Card>
      </div>
      <Card title={`${t.disks} (${formatCount(disks.length)})`}>
        <SimpleTable
          label={t.disks}
          heads={[common.name, t.size, t.takes, t.vms, t.made]}
          none={t.noDisksInIt}
          rows={disks
            .toSorted((a, b) => (b.used ?? 0) - (a.used ?? 0))
            .slice(0, most)
            .map((disk) => ({
              id: disk.id,
              cells: [
                disk.snapshotOf === undefined ? disk.name || common.noName : t.snapshotMark({ name: disk.name }),
                formatBytes(disk.size),
                disk.used === undefined ? '–' : formatBytes(disk.used),
                disk.vms.length === 0 ? '–' : links(disk.vms),
                <Ago time={disk.created} />,
              ],
            }))}
        />
        {disks.length > most && <p className="text-muted mt-2">{t.biggestShown({ n: most })}</p>}
      </Card>
    </StorageFrame>
  )
}

/** One network. */
export function NetworkPage(): ReactNode {
  const network = useObject('network', useId())
  return network ? <NetworkDetails network={network} /> : <Gone what="network" list="/networks" />
}

function NetworkDetails({ network }: { readonly network: Network }): ReactNode {
  const nics = useAll('nic').filter((nic) => nic.network === network.id)
  const owners = new Set(nics.flatMap(({ vm }) => vm ?? []))
  const vms = useAll('vm').filter(({ id }) => owners.has(id))
  return (
    <Page title={network.name} crumbs={[{ label: shell.networks, to: '/networks' }]} note={network.kind}>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card title={t.whatItIs}>
          <Facts
            facts={[
              [common.description, network.description],
              [common.tags, network.tags.length > 0 ? <Tags tags={network.tags} /> : undefined],
              [t.pool, <ObjectLink id={network.pool} />],
              [t.vlan, network.vlan],
              [t.mtu, network.mtu],
              [t.bridge, network.bridge],
              [t.defaultForVms, network.default === true ? common.yes : undefined],
              [t.hosts, links(nics.flatMap(({ host }) => host ?? []))],
              [common.id, <code className="text-xs break-all">{network.id}</code>],
            ]}
          />
        </Card>
        <VmsCard vms={vms} title={t.vmsOnIt} />
      </div>
    </Page>
  )
}

function links(ids: readonly string[]): ReactNode {
  const different = [...new Set(ids)]
  if (different.length === 0) return undefined
  return (
    <span className="flex flex-wrap gap-x-3">
      {different.map((id) => (
        <ObjectLink key={id} id={id} />
      ))}
    </span>
  )
}

function VmsCard({
  vms,
  q,
  title,
}: {
  readonly vms: readonly Vm[]
  readonly q?: string
  readonly title: string
}): ReactNode {
  return (
    <Card
      title={`${title} (${formatCount(vms.length)})`}
      actions={
        q !== undefined &&
        vms.length > 0 && (
          <Link to="/vms" search={{ q }} className="text-accent min-h-6 leading-6 hover:underline">
            {t.asList}
          </Link>
        )
      }
    >
      <SimpleTable
        label={title}
        heads={[common.name, common.state, t.memory, t.address]}
        none={common.noneOfThem}
        rows={vms.slice(0, most).map((vm) => ({
          id: vm.id,
          cells: [<ObjectLink id={vm.id} />, <PowerState vm={vm} />, formatBytes(vm.memory), vm.ips[0] ?? '–'],
        }))}
      />
      {vms.length > most && <p className="text-muted mt-2">{common.firstShown({ n: most })}</p>}
    </Card>
  )
}
