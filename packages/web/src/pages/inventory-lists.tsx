import type { Host, Network, Storage } from '@nixen/api'
import { Link, useNavigate } from '@tanstack/react-router'
import { useCallback, type ReactNode } from 'react'
import { formatBytes, formatCount } from '../format/format.ts'
import type { Column } from '../lists/column.ts'
import { ListPage } from '../lists/list-page.tsx'
import { HostState, StorageState } from '../lists/states.tsx'
import { useAll } from '../live/live.ts'
import { ObjectLink } from '../ui/link-to.tsx'
import { UsageMeter } from '../ui/meter.tsx'
import { Tags } from '../ui/tags.tsx'
import { Ago } from '../ui/time.tsx'
import { NothingConnected } from './nothing-connected.tsx'
import { common } from '../i18n/common.ts'
import { lists } from '../i18n/lists.ts'
import { shell } from '../i18n/shell.ts'

type Listed = 'hosts' | 'storages' | 'networks'

/** The name as a link to the page of the object. */
function nameColumn<T extends { readonly id: string; readonly name: string }>(list: Listed): Column<T> {
  return {
    id: 'name',
    title: lists.head.name,
    sort: 'name',
    width: 'minmax(10rem, 2fr)',
    narrow: true,
    cell: ({ id, name }) => (
      <Link to={`/${list}/$id`} params={{ id }} tabIndex={-1} className="font-medium hover:underline" title={name}>
        {name || common.noName}
      </Link>
    ),
  }
}

function poolColumn<T extends { readonly pool: string }>(): Column<T> {
  return {
    id: 'pool',
    title: lists.head.pool,
    sort: 'pool',
    width: 'minmax(7rem, 1fr)',
    cell: ({ pool }) => <ObjectLink id={pool} />,
  }
}

function tagsColumn<T extends { readonly tags: readonly string[] }>(): Column<T> {
  return {
    id: 'tags',
    title: lists.head.tags,
    sort: 'tags',
    width: 'minmax(7rem, 1fr)',
    hidden: true,
    cell: ({ tags }) => <Tags tags={tags} />,
  }
}

const hostColumns: readonly Column<Host>[] = [
  nameColumn<Host>('hosts'),
  {
    id: 'state',
    title: lists.head.state,
    sort: 'power',
    width: 'minmax(7rem, 1fr)',
    narrow: true,
    cell: (host) => <HostState host={host} />,
  },
  poolColumn<Host>(),
  {
    id: 'address',
    title: lists.head.address,
    sort: 'address',
    width: 'minmax(8rem, 1fr)',
    cell: ({ address }) => address ?? '–',
  },
  { id: 'vms', title: lists.head.vms, sort: 'vms', width: '5rem', align: 'end', cell: ({ vms }) => formatCount(vms) },
  {
    id: 'cpu',
    title: lists.head.cpus,
    sort: 'cpu.threads',
    width: '5rem',
    align: 'end',
    cell: ({ cpu }) => (cpu ? formatCount(cpu.threads) : '–'),
  },
  {
    id: 'memory',
    title: lists.head.memory,
    sort: 'memory',
    width: '7rem',
    align: 'end',
    cell: ({ memory }) => (memory === undefined ? '–' : formatBytes(memory)),
  },
  {
    id: 'used',
    title: lists.head.inUse,
    sort: 'memoryUsed',
    width: 'minmax(9rem, 1fr)',
    cell: ({ name, memoryUsed, memory }) => (
      <UsageMeter used={memoryUsed} size={memory} label={lists.memoryOf({ name })} />
    ),
  },
  {
    id: 'product',
    title: lists.head.product,
    sort: 'product.name',
    width: 'minmax(9rem, 1fr)',
    cell: ({ product }) => (product ? `${product.name} ${product.version}` : '–'),
  },
  {
    id: 'started',
    title: lists.head.booted,
    sort: '-started',
    width: 'minmax(8rem, 1fr)',
    hidden: true,
    cell: ({ started }) => <Ago time={started} />,
  },
  tagsColumn<Host>(),
]

const storageColumns: readonly Column<Storage>[] = [
  nameColumn<Storage>('storages'),
  {
    id: 'state',
    title: lists.head.state,
    sort: 'state',
    width: 'minmax(7rem, 1fr)',
    narrow: true,
    cell: (storage) => <StorageState storage={storage} />,
  },
  poolColumn<Storage>(),
  { id: 'kind', title: lists.head.kind, sort: 'kind', width: 'minmax(5rem, 0.7fr)', cell: ({ kind }) => kind },
  {
    id: 'content',
    title: lists.head.for,
    sort: 'content',
    width: 'minmax(5rem, 0.7fr)',
    cell: ({ content }) => lists.contents[content],
  },
  {
    id: 'shared',
    title: lists.head.reachedBy,
    sort: 'shared',
    width: 'minmax(7rem, 1fr)',
    cell: ({ shared, hosts }) =>
      shared ? lists.allHosts : hosts[0] === undefined ? '–' : <ObjectLink id={hosts[0]} />,
  },
  {
    id: 'disks',
    title: lists.head.disks,
    sort: 'disks',
    width: '5rem',
    align: 'end',
    cell: ({ disks }) => formatCount(disks),
  },
  {
    id: 'size',
    title: lists.head.size,
    sort: 'size',
    width: '7rem',
    align: 'end',
    cell: ({ size }) => (size === undefined ? '–' : formatBytes(size)),
  },
  {
    id: 'used',
    title: lists.head.taken,
    sort: 'used',
    width: 'minmax(9rem, 1fr)',
    cell: ({ name, used, size }) => <UsageMeter used={used} size={size} label={lists.roomOf({ name })} />,
  },
  tagsColumn<Storage>(),
]

const networkColumns: readonly Column<Network>[] = [
  nameColumn<Network>('networks'),
  {
    id: 'kind',
    title: lists.head.kind,
    sort: 'kind',
    width: 'minmax(6rem, 1fr)',
    narrow: true,
    cell: ({ kind }) => kind,
  },
  poolColumn<Network>(),
  { id: 'vlan', title: lists.head.vlan, sort: 'vlan', width: '6rem', align: 'end', cell: ({ vlan }) => vlan ?? '–' },
  { id: 'mtu', title: lists.head.mtu, sort: 'mtu', width: '6rem', align: 'end', cell: ({ mtu }) => mtu ?? '–' },
  {
    id: 'bridge',
    title: lists.head.bridge,
    sort: 'bridge',
    width: 'minmax(7rem, 1fr)',
    cell: ({ bridge }) => bridge ?? '–',
  },
  {
    id: 'nics',
    title: lists.head.nics,
    sort: 'nics',
    width: '6rem',
    align: 'end',
    cell: ({ nics }) => formatCount(nics),
  },
  tagsColumn<Network>(),
]

/** All hosts. */
export function HostsPage(): ReactNode {
  const objects = useAll('host')
  return (
    <ListPage
      type="host"
      title={shell.hosts}
      objects={objects}
      columns={hostColumns}
      onOpen={useOpen('hosts')}
      empty={<NothingConnected what="hosts" />}
    />
  )
}

/** All storages. */
export function StoragesPage(): ReactNode {
  const objects = useAll('storage')
  return (
    <ListPage
      type="storage"
      title={shell.storages}
      objects={objects}
      columns={storageColumns}
      onOpen={useOpen('storages')}
      empty={<NothingConnected what="storages" />}
    />
  )
}

/** All networks. */
export function NetworksPage(): ReactNode {
  const objects = useAll('network')
  return (
    <ListPage
      type="network"
      title={shell.networks}
      objects={objects}
      columns={networkColumns}
      onOpen={useOpen('networks')}
      empty={<NothingConnected what="networks" />}
    />
  )
}

function useOpen(list: Listed): (object: { readonly id: string }) => void {
  const navigate = useNavigate()
  return useCallback(
    ({ id }: { readonly id: string }) => void navigate({ to: `/${list}/$id`, params: { id } }),
    [navigate, list],
  )
}
