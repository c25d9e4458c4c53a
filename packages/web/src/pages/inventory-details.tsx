import type { Host, Network, Storage, Vm } from '@nixen/api'
import { Link, useParams } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { formatBytes, formatCount } from '../format/format.ts'
import { HostState, PowerState, StorageState } from '../lists/states.tsx'
import { useAll, useObject } from '../live/live.ts'
import { ObjectLink } from '../ui/link-to.tsx'
import { UsageMeter } from '../ui/meter.tsx'
import { Card, Facts, Page } from '../ui/page.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { Tags } from '../ui/tags.tsx'
import { Ago } from '../ui/time.tsx'
import { Gone } from './page-error.tsx'

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

function HostDetails({ host }: { readonly host: Host }): ReactNode {
  const vms = useAll('vm').filter((vm) => vm.host === host.id)
  const nics = useAll('nic').filter((nic) => nic.host === host.id)
  const { cpu, product } = host
  return (
    <Page title={host.name} crumbs={[{ label: 'Hosts', to: '/hosts' }]} note={<HostState host={host} />}>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card title="What it is">
          <Facts
            facts={[
              ['Description', host.description],
              ['Tags', host.tags.length > 0 ? <Tags tags={host.tags} /> : undefined],
              ['Pool', <ObjectLink id={host.pool} />],
              ['Role', host.master ? 'leads its pool' : 'member'],
              ['Address', host.address],
              ['Host name', host.hostname],
              ['Product', product && `${product.name} ${product.version}`],
              ['Hypervisor', product?.hypervisor],
              ['Booted', host.started === undefined ? undefined : <Ago time={host.started} />],
              ['Restart', host.needsReboot === true ? 'something installed waits for one' : undefined],
              ['Id', <code className="text-xs break-all">{host.id}</code>],
            ]}
          />
        </Card>
        <Card title="Resources">
          <Facts
            facts={[
              ['Processor', cpu?.model],
              [
                'CPUs',
                cpu &&
                  `${cpu.threads}${cpu.cores === undefined ? '' : `, ${cpu.cores} cores`}${cpu.sockets === undefined ? '' : ` in ${cpu.sockets} sockets`}`,
              ],
              ['Memory', host.memory === undefined ? undefined : formatBytes(host.memory)],
              ['In use', <UsageMeter used={host.memoryUsed} size={host.memory} label="Memory in use" />],
              ['Certificate', host.certificate && <code className="text-xs break-all">{host.certificate}</code>],
            ]}
          />
        </Card>
        <VmsCard vms={vms} q={`host:${host.id}`} title="VMs on it" />
        <Card title="NICs">
          <SimpleTable
            label="NICs"
            heads={['NIC', 'Network', 'MAC', 'Addresses', 'Link']}
            none="It has no NICs."
            rows={nics.map(({ id, name, network, mac, ips, carrier }) => ({
              id,
              cells: [
                name,
                <ObjectLink id={network} />,
                mac ?? '–',
                ips.join(', ') || '–',
                carrier === undefined ? '–' : carrier ? 'up' : 'down',
              ],
            }))}
          />
        </Card>
      </div>
    </Page>
  )
}

/** One storage. */
export function StoragePage(): ReactNode {
  const storage = useObject('storage', useId())
  return storage ? <StorageDetails storage={storage} /> : <Gone what="storage" list="/storages" />
}

function StorageDetails({ storage }: { readonly storage: Storage }): ReactNode {
  const disks = useAll('disk').filter((disk) => disk.storage === storage.id)
  const { size, used, allocated } = storage
  return (
    <Page
      title={storage.name}
      crumbs={[{ label: 'Storages', to: '/storages' }]}
      note={<StorageState storage={storage} />}
    >
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card title="What it is">
          <Facts
            facts={[
              ['Description', storage.description],
              ['Tags', storage.tags.length > 0 ? <Tags tags={storage.tags} /> : undefined],
              ['Pool', <ObjectLink id={storage.pool} />],
              ['Kind', storage.kind],
              ['For', storage.content],
              ['Shared', storage.shared ? 'yes' : 'no'],
              ['Thin', storage.thin === undefined ? undefined : storage.thin ? 'yes' : 'no'],
              ['Default of the pool', storage.default === true ? 'yes' : undefined],
              ['Id', <code className="text-xs break-all">{storage.id}</code>],
            ]}
          />
        </Card>
        <Card title="Room">
          <Facts
            facts={[
              ['Size', size === undefined ? undefined : formatBytes(size)],
              ['Taken', <UsageMeter used={used} size={size} label="Room taken" />],
              ['Promised to disks', allocated === undefined ? undefined : formatBytes(allocated)],
              ['Attached to', links(storage.hosts)],
              ['Missing on', storage.missing && storage.missing.length > 0 ? links(storage.missing) : undefined],
            ]}
          />
        </Card>
      </div>
      <Card title={`Disks (${formatCount(disks.length)})`}>
        <SimpleTable
          label="Disks"
          heads={['Name', 'Size', 'Takes', 'VMs', 'Made']}
          none="There are no disks in it."
          rows={disks
            .toSorted((a, b) => (b.used ?? 0) - (a.used ?? 0))
            .slice(0, most)
            .map((disk) => ({
              id: disk.id,
              cells: [
                `${disk.name || '(no name)'}${disk.snapshotOf === undefined ? '' : ' (snapshot)'}`,
                formatBytes(disk.size),
                disk.used === undefined ? '–' : formatBytes(disk.used),
                disk.vms.length === 0 ? '–' : links(disk.vms),
                <Ago time={disk.created} />,
              ],
            }))}
        />
        {disks.length > most && (
          <p className="text-muted mt-2">The {most} that take most are shown. All: nixen disk list.</p>
        )}
      </Card>
    </Page>
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
    <Page title={network.name} crumbs={[{ label: 'Networks', to: '/networks' }]} note={network.kind}>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card title="What it is">
          <Facts
            facts={[
              ['Description', network.description],
              ['Tags', network.tags.length > 0 ? <Tags tags={network.tags} /> : undefined],
              ['Pool', <ObjectLink id={network.pool} />],
              ['VLAN', network.vlan],
              ['MTU', network.mtu],
              ['Bridge', network.bridge],
              ['Default for new VMs', network.default === true ? 'yes' : undefined],
              ['Hosts', links(nics.flatMap(({ host }) => host ?? []))],
              ['Id', <code className="text-xs break-all">{network.id}</code>],
            ]}
          />
        </Card>
        <VmsCard vms={vms} title="VMs on it" />
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
            As a list
          </Link>
        )
      }
    >
      <SimpleTable
        label={title}
        heads={['Name', 'State', 'Memory', 'Address']}
        none="There are none."
        rows={vms.slice(0, most).map((vm) => ({
          id: vm.id,
          cells: [<ObjectLink id={vm.id} />, <PowerState vm={vm} />, formatBytes(vm.memory), vm.ips[0] ?? '–'],
        }))}
      />
      {vms.length > most && <p className="text-muted mt-2">The first {most} are shown.</p>}
    </Card>
  )
}
