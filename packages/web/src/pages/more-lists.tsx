import type { Alarm, Disk, Pool, Template } from '@nixen/api'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { useCallback, type ReactNode } from 'react'
import { formatBytes, formatCount } from '../format/format.ts'
import { common } from '../i18n/common.ts'
import { inventoryText as t } from '../i18n/inventory.ts'
import { lists } from '../i18n/lists.ts'
import { shell } from '../i18n/shell.ts'
import type { Column } from '../lists/column.ts'
import { ListPage } from '../lists/list-page.tsx'
import { ConnectionState, HostState, Severity } from '../lists/states.tsx'
import { inventory, useAll, useObject } from '../live/live.ts'
import { ObjectLink } from '../ui/link-to.tsx'
import { UsageMeter } from '../ui/meter.tsx'
import { Card, Empty, Facts, Page } from '../ui/page.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { Tags } from '../ui/tags.tsx'
import { Ago } from '../ui/time.tsx'
import { NothingConnected } from './nothing-connected.tsx'
import { Gone } from './page-error.tsx'

const wide = 'minmax(10rem, 2fr)'
const middle = 'minmax(8rem, 1fr)'

function named<T extends { readonly id: string; readonly name: string }>(to?: '/pools/$id'): Column<T> {
  return {
    id: 'name',
    title: lists.head.name,
    sort: 'name',
    width: wide,
    narrow: true,
    cell: ({ id, name }) =>
      to === undefined ? (
        <span className="font-medium" title={name}>
          {name || common.noName}
        </span>
      ) : (
        <Link to={to} params={{ id }} tabIndex={-1} className="font-medium hover:underline">
          {name || common.noName}
        </Link>
      ),
  }
}

function ofPool<T extends { readonly pool: string }>(): Column<T> {
  return {
    id: 'pool',
    title: lists.head.pool,
    sort: 'pool',
    width: middle,
    cell: ({ pool }) => <ObjectLink id={pool} />,
  }
}

function tagged<T extends { readonly tags: readonly string[] }>(): Column<T> {
  return {
    id: 'tags',
    title: lists.head.tags,
    sort: 'tags',
    width: middle,
    hidden: true,
    cell: ({ tags }) => <Tags tags={tags} />,
  }
}

const poolColumns: readonly Column<Pool>[] = [
  named<Pool>('/pools/$id'),
  {
    id: 'connection',
    title: lists.head.connection,
    width: middle,
    narrow: true,
    cell: ({ connection: id }) => {
      const connection = inventory.get('connection', id)
      return connection ? <ConnectionState connection={connection} /> : common.none
    },
  },
  {
    id: 'hosts',
    title: lists.head.hosts,
    sort: 'hosts',
    width: '6rem',
    align: 'end',
    cell: ({ hosts }) => formatCount(hosts),
  },
  { id: 'vms', title: lists.head.vms, sort: 'vms', width: '6rem', align: 'end', cell: ({ vms }) => formatCount(vms) },
  {
    id: 'running',
    title: lists.head.running,
    sort: 'running',
    width: '7rem',
    align: 'end',
    cell: ({ running }) => formatCount(running),
  },
  {
    id: 'version',
    title: lists.head.version,
    sort: 'version',
    width: middle,
    cell: ({ version }) => version ?? common.none,
  },
  tagged<Pool>(),
]

/** All pools. */
export function PoolsPage(): ReactNode {
  const objects = useAll('pool')
  const navigate = useNavigate()
  const open = useCallback(({ id }: Pool) => void navigate({ to: '/pools/$id', params: { id } }), [navigate])
  return (
    <ListPage
      type="pool"
      title={shell.pools}
      objects={objects}
      columns={poolColumns}
      onOpen={open}
      empty={<NothingConnected what="pools" />}
    />
  )
}

/** One pool. */
export function PoolPage(): ReactNode {
  const { id = '' } = useParams({ strict: false })
  const pool = useObject('pool', id)
  return pool ? <PoolDetails pool={pool} /> : <Gone what="pool" list="/pools" />
}

function PoolDetails({ pool }: { readonly pool: Pool }): ReactNode {
  const hosts = useAll('host').filter((host) => host.pool === pool.id)
  const storages = useAll('storage').filter((storage) => storage.pool === pool.id && (storage.size ?? 0) > 0)
  const connection = useObject('connection', pool.connection)
  return (
    <Page
      title={pool.name}
      crumbs={[{ label: shell.pools, to: '/pools' }]}
      note={connection && <ConnectionState connection={connection} />}
    >
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card title={t.whatItIs}>
          <Facts
            facts={[
              [common.description, pool.description],
              [common.tags, pool.tags.length > 0 ? <Tags tags={pool.tags} /> : undefined],
              [t.version, pool.version],
              [t.leads, pool.master && <ObjectLink id={pool.master} />],
              [t.vms, t.runningOf({ running: pool.running, all: pool.vms })],
              [common.id, <code className="text-xs break-all">{pool.id}</code>],
            ]}
          />
        </Card>
        <Card title={t.members}>
          <SimpleTable
            label={t.members}
            heads={[common.name, common.state, t.vms, t.inUse]}
            none={common.noneOfThem}
            rows={hosts.map((host) => ({
              id: host.id,
              cells: [
                <ObjectLink id={host.id} />,
                <HostState host={host} />,
                formatCount(host.vms),
                <UsageMeter used={host.memoryUsed} size={host.memory} label={lists.memoryOf({ name: host.name })} />,
              ],
            }))}
          />
        </Card>
        <Card title={shell.storages}>
          <SimpleTable
            label={shell.storages}
            heads={[common.name, t.size, t.taken]}
            none={common.noneOfThem}
            rows={storages.map(({ id, name, size, used }) => ({
              id,
              cells: [
                <ObjectLink id={id} />,
                size === undefined ? common.none : formatBytes(size),
                <UsageMeter used={used} size={size} label={lists.roomOf({ name })} />,
              ],
            }))}
          />
        </Card>
      </div>
    </Page>
  )
}

const diskColumns: readonly Column<Disk>[] = [
  named<Disk>(),
  {
    id: 'size',
    title: lists.head.size,
    sort: 'size',
    width: '7rem',
    align: 'end',
    narrow: true,
    cell: ({ size }) => formatBytes(size),
  },
  {
    id: 'used',
    title: lists.head.taken,
    sort: 'used',
    width: '7rem',
    align: 'end',
    cell: ({ used }) => (used === undefined ? common.none : formatBytes(used)),
  },
  {
    id: 'storage',
    title: lists.head.storage,
    sort: 'storage',
    width: middle,
    cell: ({ storage }) => <ObjectLink id={storage} />,
  },
  {
    id: 'vms',
    title: lists.head.usedBy,
    width: middle,
    narrow: true,
    cell: ({ vms }) => (vms[0] === undefined ? t.noVms : <ObjectLink id={vms[0]} />),
  },
  { id: 'format', title: lists.head.kind, sort: 'format', width: '6rem', cell: ({ format }) => format ?? common.none },
  ofPool<Disk>(),
  tagged<Disk>(),
]

/** All disks that are not parts of snapshots. */
export function DisksPage(): ReactNode {
  const objects = useAll('disk').filter(({ kind, snapshotOf }) => kind === 'disk' && snapshotOf === undefined)
  return (
    <ListPage
      type="disk"
      title={shell.disks}
      objects={objects}
      columns={diskColumns}
      empty={<NothingConnected what="disks" />}
    />
  )
}

const templateColumns: readonly Column<Template>[] = [
  named<Template>(),
  {
    id: 'vcpus',
    title: lists.head.vcpus,
    sort: 'vcpus',
    width: '6rem',
    align: 'end',
    cell: ({ vcpus }) => vcpus ?? common.none,
  },
  {
    id: 'memory',
    title: lists.head.memory,
    sort: 'memory',
    width: '7rem',
    align: 'end',
    cell: ({ memory }) => (memory === undefined ? common.none : formatBytes(memory)),
  },
  {
    id: 'disk',
    title: lists.head.disks,
    sort: 'diskSize',
    width: '7rem',
    align: 'end',
    narrow: true,
    cell: ({ diskSize }) => (diskSize === 0 ? common.none : formatBytes(diskSize)),
  },
  { id: 'os', title: lists.head.system, sort: 'os', width: middle, cell: ({ os }) => os ?? common.none },
  ofPool<Template>(),
  {
    id: 'created',
    title: lists.head.made,
    sort: '-created',
    width: middle,
    cell: ({ created }) => <Ago time={created} />,
  },
  tagged<Template>(),
]

/** What VMs are made from. */
export function TemplatesPage(): ReactNode {
  const objects = useAll('template')
  return (
    <ListPage
      type="template"
      title={shell.templates}
      objects={objects}
      columns={templateColumns}
      empty={<NothingConnected what="templates" />}
    />
  )
}

const alarmColumns: readonly Column<Alarm>[] = [
  {
    id: 'severity',
    title: lists.head.severity,
    sort: 'severity',
    width: '8rem',
    narrow: true,
    cell: ({ severity }) => <Severity severity={severity} />,
  },
  {
    id: 'message',
    title: lists.head.message,
    sort: 'message',
    width: 'minmax(14rem, 3fr)',
    narrow: true,
    cell: ({ message }) => <span title={message}>{message}</span>,
  },
  { id: 'on', title: lists.head.on, width: middle, cell: ({ on }) => <ObjectLink id={on} /> },
  { id: 'time', title: lists.head.since, sort: '-time', width: middle, cell: ({ time }) => <Ago time={time} /> },
]

/** What needs somebody. */
export function AlarmsPage(): ReactNode {
  const objects = useAll('alarm')
  return (
    <ListPage
      type="alarm"
      title={shell.alarms}
      objects={objects}
      columns={alarmColumns}
      defaultSort="-time"
      empty={<Empty title={lists.alarmsEmpty}>{lists.alarmsEmptyHelp}</Empty>}
    />
  )
}
