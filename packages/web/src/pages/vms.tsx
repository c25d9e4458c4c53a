import type { Vm } from '@nixen/api'
import { Link, useNavigate } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useCallback, useState, type ReactNode } from 'react'
import { BulkDialog } from '../actions/bulk-dialog.tsx'
import { vmActions, type VmActionInfo } from '../actions/vm-actions.tsx'
import { formatBytes, formatCount } from '../format/format.ts'
import { backup } from '../i18n/backup.ts'
import type { Column } from '../lists/column.ts'
import type { Facet } from '../lists/facets-panel.tsx'
import { ListPage } from '../lists/list-page.tsx'
import { PowerState } from '../lists/states.tsx'
import { useAll } from '../live/live.ts'
import { Button } from '../ui/button.tsx'
import { ObjectLink } from '../ui/link-to.tsx'
import { Menu } from '../ui/menu.tsx'
import { Ago } from '../ui/time.tsx'
import { NothingConnected, solidLink } from './nothing-connected.tsx'
import { Tags } from '../ui/tags.tsx'
import { common } from '../i18n/common.ts'
import { lists } from '../i18n/lists.ts'
import { shell } from '../i18n/shell.ts'
import { vmText } from '../i18n/vm.ts'
import { Protected } from '../lists/protected.tsx'
import { actionsText } from '../i18n/actions.ts'

const columns: readonly Column<Vm>[] = [
  {
    id: 'name',
    title: lists.head.name,
    sort: 'name',
    width: 'minmax(10rem, 2fr)',
    narrow: true,
    cell: ({ id, name }) => (
      <Link to="/vms/$id" params={{ id }} tabIndex={-1} className="font-medium hover:underline" title={name}>
        {name || common.noName}
      </Link>
    ),
  },
  {
    id: 'power',
    title: lists.head.state,
    sort: 'power',
    width: 'minmax(8rem, 1fr)',
    narrow: true,
    cell: (vm) => <PowerState vm={vm} />,
  },
  {
    id: 'host',
    title: lists.head.host,
    sort: 'host',
    width: 'minmax(7rem, 1fr)',
    cell: ({ host }) => <ObjectLink id={host} />,
  },
  {
    id: 'pool',
    title: lists.head.pool,
    sort: 'pool',
    width: 'minmax(7rem, 1fr)',
    hidden: true,
    cell: ({ pool }) => <ObjectLink id={pool} />,
  },
  {
    id: 'vcpus',
    title: lists.head.vcpus,
    sort: 'vcpus',
    width: '5rem',
    align: 'end',
    cell: ({ vcpus }) => formatCount(vcpus),
  },
  {
    id: 'memory',
    title: lists.head.memory,
    sort: 'memory',
    width: '6.5rem',
    align: 'end',
    cell: ({ memory }) => formatBytes(memory),
  },
  {
    id: 'disk',
    title: lists.head.disks,
    sort: 'diskSize',
    width: '6.5rem',
    align: 'end',
    cell: ({ diskSize }) => formatBytes(diskSize),
  },
  {
    id: 'ips',
    title: lists.head.address,
    sort: 'ips',
    width: 'minmax(8rem, 1fr)',
    cell: ({ ips }) => <span title={ips.join('\n')}>{ips[0] ?? '–'}</span>,
  },
  {
    id: 'os',
    title: lists.head.system,
    sort: 'os.name',
    width: 'minmax(9rem, 1.3fr)',
    cell: ({ os }) => <span title={os?.name}>{os?.name ?? '–'}</span>,
  },
  {
    id: 'tags',
    title: lists.head.tags,
    sort: 'tags',
    width: 'minmax(7rem, 1fr)',
    cell: ({ tags }) => <Tags tags={tags} />,
  },
  {
    id: 'protection',
    title: lists.head.protected,
    sort: 'protection.newest',
    width: 'minmax(8rem, 1fr)',
    hidden: true,
    cell: (vm) => <Protected vm={vm} />,
  },
  {
    id: 'snapshots',
    title: lists.head.snapshots,
    sort: 'snapshots',
    width: '6.5rem',
    align: 'end',
    hidden: true,
    cell: ({ snapshots }) => formatCount(snapshots),
  },
  {
    id: 'started',
    title: lists.head.started,
    sort: '-started',
    width: 'minmax(8rem, 1fr)',
    hidden: true,
    cell: ({ started }) => <Ago time={started} />,
  },
]

const facets: readonly Facet[] = [
  { field: 'power', title: lists.head.state, words: lists.power },
  { field: 'protection.state', title: lists.head.protected, words: backup.protectionStates },
  { field: 'tags', title: lists.head.tags },
  { field: 'host', title: lists.head.host },
  { field: 'pool', title: lists.head.pool },
  { field: 'os.name', title: lists.head.system },
]

/** All VMs. */
export function VmsPage(): ReactNode {
  const vms = useAll('vm')
  const navigate = useNavigate()
  const open = useCallback(({ id }: Vm) => void navigate({ to: '/vms/$id', params: { id } }), [navigate])
  return (
    <ListPage
      type="vm"
      title={shell.vms}
      objects={vms}
      columns={columns}
      onOpen={open}
      actions={
        <>
          <Link
            to="/vms/import"
            className="border-line bg-raised hover:bg-hover inline-flex min-h-8 items-center rounded-md border px-3 text-sm font-medium"
          >
            {vmText.importVm}
          </Link>
          <Link to="/vms/new" className={solidLink}>
            <Plus size={16} aria-hidden /> {vmText.newVm}
          </Link>
        </>
      }
      empty={<NothingConnected what="vms" />}
      facets={facets}
      views="vm"
      bulk={(selected, clear) => <BulkBar selected={selected} clear={clear} />}
    />
  )
}

const quick: ReadonlySet<string> = new Set(['start', 'shutdown', 'reboot'])

function BulkBar({ selected, clear }: { readonly selected: readonly Vm[]; readonly clear: () => void }): ReactNode {
  const [action, setAction] = useState<VmActionInfo>()
  const offered = vmActions.filter(({ bulk }) => bulk === true)
  return (
    <>
      {offered
        .filter(({ name }) => quick.has(name))
        .map((info) => (
          <Button key={info.name} icon={info.icon} onClick={() => setAction(info)}>
            {info.label}
          </Button>
        ))}
      <Menu
        label={actionsText.moreActions}
        entries={offered
          .filter(({ name }) => !quick.has(name))
          .map((info) => ({
            id: info.name,
            label: `${info.label} …`,
            icon: info.icon,
            danger: info.danger === true,
            run: () => setAction(info),
          }))}
      >
        {common.more}
      </Menu>
      <Link
        to="/vms/compare"
        search={{ ids: selected.map(({ id }) => id).join(',') }}
        className="border-line bg-raised hover:bg-hover inline-flex min-h-8 items-center rounded-md border px-3 text-sm font-medium"
      >
        {vmText.compare}
      </Link>
      <Button look="quiet" onClick={clear}>
        {common.clear}
      </Button>
      {action && (
        <BulkDialog
          action={action}
          vms={selected}
          onClose={() => setAction(undefined)}
          onDone={() => {
            setAction(undefined)
            clear()
          }}
        />
      )}
    </>
  )
}
