import { protectionStates, type Alarm, type Host, type Pool, type Storage, type Vm } from '@nixen/api'
import { Link } from '@tanstack/react-router'
import { useMemo, type ReactNode } from 'react'
import { formatBytes, formatCount } from '../format/format.ts'
import { ConnectionState, HostState, StorageState, WorkState } from '../lists/states.tsx'
import { useAll } from '../live/live.ts'
import { ObjectLink } from '../ui/link-to.tsx'
import { UsageMeter } from '../ui/meter.tsx'
import { Notice } from '../ui/notice.tsx'
import { Card, Page } from '../ui/page.tsx'
import { Ago } from '../ui/time.tsx'
import { NothingConnected } from './nothing-connected.tsx'
import { shell } from '../i18n/shell.ts'
import { useNow } from '../format/clock.ts'
import { backup } from '../i18n/backup.ts'
import { lists } from '../i18n/lists.ts'
import { Protected, protectionLooks } from '../lists/protected.tsx'
import { State } from '../ui/state.tsx'
import { overview as t } from '../i18n/overview.ts'

/** How everything stands: counts, room, alarms, what was done last. */
export function OverviewPage(): ReactNode {
  const [vms, hosts, pools, storages] = [useAll('vm'), useAll('host'), useAll('pool'), useAll('storage')]
  const connections = useAll('connection')
  if (pools.length === 0)
    return (
      <Page title={shell.overview} fill>
        <NothingConnected what="vms" />
      </Page>
    )
  const broken = connections.filter(({ enabled, state }) => enabled && state !== 'connected')
  return (
    <Page title={shell.overview}>
      {broken.map(({ id, name, state, error }) => (
        <Notice key={id} tone="warn">
          <Link to="/connections" className="underline">
            {name}
          </Link>
          {t.notConnected({ state: lists.connectionStates[state], error: error?.message ?? '' })}
        </Notice>
      ))}
      <Counts vms={vms} hosts={hosts} storages={storages} pools={pools} />
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <div className="grid min-w-0 gap-4">
          <Card title={shell.hosts}>
            <Rows>
              {hosts.map((host) => (
                <li
                  key={host.id}
                  className="grid min-h-9 grid-cols-[minmax(0,1fr)_7rem_minmax(6rem,1fr)] items-center gap-3"
                >
                  <span className="truncate">
                    <ObjectLink id={host.id} />
                  </span>
                  <HostState host={host} />
                  <UsageMeter used={host.memoryUsed} size={host.memory} label={lists.memoryOf({ name: host.name })} />
                </li>
              ))}
            </Rows>
          </Card>
          <Protection />
        </div>
        <div className="grid min-w-0 gap-4">
          <Card title={shell.storages}>
            <Rows>
              {fullest(storages).map((storage) => (
                <li
                  key={storage.id}
                  className="grid min-h-9 grid-cols-[minmax(0,1fr)_7rem_minmax(6rem,1fr)] items-center gap-3"
                >
                  <span className="truncate">
                    <ObjectLink id={storage.id} />
                  </span>
                  <StorageState storage={storage} />
                  <UsageMeter used={storage.used} size={storage.size} label={lists.roomOf({ name: storage.name })} />
                </li>
              ))}
            </Rows>
          </Card>
          <Alarms />
          <Recent />
          <Card title={shell.pools}>
            <Rows>
              {pools.map((pool) => (
                <PoolRow key={pool.id} pool={pool} />
              ))}
            </Rows>
          </Card>
        </div>
      </div>
    </Page>
  )
}

function Rows({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <ul className="divide-line max-h-80 divide-y overflow-auto" tabIndex={0}>
      {children}
    </ul>
  )
}

/** What fills up first stands on top. */
function fullest(storages: readonly Storage[]): readonly Storage[] {
  const part = ({ used = 0, size = 0 }: Storage): number => (size === 0 ? -1 : used / size)
  return storages
    .filter(({ size = 0 }) => size > 0)
    .toSorted((a, b) => part(b) - part(a))
    .slice(0, 50)
}

function PoolRow({ pool }: { readonly pool: Pool }): ReactNode {
  const { name, hosts, vms, running, version, connection } = pool
  const state = useAll('connection').find(({ id }) => id === connection)
  return (
    <li className="flex min-h-9 flex-wrap items-center gap-x-4 py-1">
      <span className="font-medium">{name}</span>
      <span className="text-muted">{t.pool({ hosts, running, vms, version })}</span>
      <span className="ml-auto">{state && <ConnectionState connection={state} />}</span>
    </li>
  )
}

interface CountsProps {
  readonly vms: readonly Vm[]
  readonly hosts: readonly Host[]
  readonly pools: readonly Pool[]
  readonly storages: readonly Storage[]
}

function Counts({ vms, hosts, storages }: CountsProps): ReactNode {
  const sums = useMemo(() => {
    const sum = (numbers: readonly (number | undefined)[]): number => numbers.reduce<number>((a, b) => a + (b ?? 0), 0)
    return {
      running: vms.filter(({ power }) => power === 'running').length,
      memory: sum(hosts.map((host) => host.memory)),
      memoryUsed: sum(hosts.map((host) => host.memoryUsed)),
      size: sum(storages.map(({ size }) => size)),
      used: sum(storages.map(({ used }) => used)),
    }
  }, [vms, hosts, storages])
  const up = hosts.filter(({ power }) => power === 'running').length
  return (
    <ul className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Count
        to="/vms"
        label={shell.vms}
        value={formatCount(vms.length)}
        note={t.running({ running: sums.running, not: vms.length - sums.running })}
      />
      <Count to="/hosts" label={shell.hosts} value={formatCount(hosts.length)} note={t.up({ n: up })} />
      <Count
        to="/hosts"
        label={t.memory}
        value={formatBytes(sums.memoryUsed)}
        note={t.inUseOf({ size: formatBytes(sums.memory) })}
      />
      <Count
        to="/storages"
        label={t.storage}
        value={formatBytes(sums.used)}
        note={t.takenOf({ size: formatBytes(sums.size) })}
      />
    </ul>
  )
}

function Count({
  to,
  label,
  value,
  note,
}: {
  readonly to: string
  readonly label: string
  readonly value: string
  readonly note: string
}): ReactNode {
  return (
    <li>
      <Link to={to} className="bg-panel border-line hover:border-edge block rounded-lg border p-4">
        <span className="text-muted block">{label}</span>
        <span className="block text-2xl font-semibold">{value}</span>
        <span className="text-muted block">{note}</span>
      </Link>
    </li>
  )
}

const needy = ['unprotected', 'failing', 'late'] as const
const month = 30 * 86_400_000

/** Which VMs could not be had again, or only from long ago. */
function Protection(): ReactNode {
  const vms = useAll('vm')
  const now = useNow(60_000)
  const { counts, verified, worst } = useMemo(() => {
    const known = vms.filter(({ protection }) => protection !== undefined)
    const groups = Map.groupBy(known, ({ protection }) => protection?.state ?? 'unprotected')
    return {
      counts: groups,
      verified: known.filter(({ protection }) => (protection?.verified ?? 0) > now - month).length,
      worst: needy.flatMap((state) => groups.get(state) ?? []),
    }
  }, [vms, now])
  if (counts.size === 0) return null
  return (
    <Card
      title={t.protection}
      actions={
        <Link to="/jobs/new" className="text-accent min-h-6 leading-6 hover:underline">
          {t.makeJob}
        </Link>
      }
    >
      <ul className="mb-3 grid grid-cols-2 gap-2">
        {protectionStates.map((state) => {
          const [shape, tone] = protectionLooks[state]
          return (
            <li key={state}>
              <Link
                to="/vms"
                search={{ q: `protection.state:${state}` }}
                className="hover:bg-hover flex min-h-8 items-center gap-2 rounded-md px-1"
              >
                <b className="min-w-8 text-right text-base font-semibold">
                  {formatCount(counts.get(state)?.length ?? 0)}
                </b>
                <State shape={shape} tone={tone}>
                  {backup.protectionStates[state]}
                </State>
              </Link>
            </li>
          )
        })}
      </ul>
      <p className="text-muted">
        {formatCount(verified)} {t.verified}
      </p>
      {worst.length === 0 ? (
        <p className="text-muted mt-2">{t.allRecent}</p>
      ) : (
        <>
          <h3 className="mt-3 mb-1 font-medium">{t.withoutRecent}</h3>
          <Rows>
            {worst.slice(0, 20).map((vm) => (
              <li key={vm.id} className="grid min-h-9 grid-cols-2 items-center gap-3">
                <span className="truncate">
                  <ObjectLink id={vm.id} />
                </span>
                <Protected vm={vm} />
              </li>
            ))}
          </Rows>
          {worst.length > 20 && <p className="text-muted mt-1">{t.andMore({ n: worst.length - 20 })}</p>}
        </>
      )}
    </Card>
  )
}

const weights: Readonly<Record<Alarm['severity'], number>> = { critical: 0, warning: 1, info: 2 }

function Alarms(): ReactNode {
  const alarms = useAll('alarm')
  const shown = useMemo(
    () => alarms.toSorted((a, b) => weights[a.severity] - weights[b.severity] || b.time - a.time).slice(0, 50),
    [alarms],
  )
  return (
    <Card title={t.alarms({ n: alarms.length })}>
      {shown.length === 0 ? (
        <p className="text-muted">{t.nothingNeeds}</p>
      ) : (
        <Rows>
          {shown.map(({ id, message, severity, on, time }) => (
            <li key={id} className="grid gap-0.5 py-2">
              <span className="break-words">
                <b className={severity === 'info' ? '' : severity === 'critical' ? 'text-bad' : 'text-warn'}>
                  {lists.severities[severity]}
                </b>
                : {message}
              </span>
              <span className="text-muted text-xs">
                {on !== undefined && (
                  <>
                    <ObjectLink id={on} />,{' '}
                  </>
                )}
                <Ago time={time} />
              </span>
            </li>
          ))}
        </Rows>
      )}
    </Card>
  )
}

function Recent(): ReactNode {
  const tasks = useAll('task')
  const newest = useMemo(() => tasks.toSorted((a, b) => b.created - a.created).slice(0, 8), [tasks])
  return (
    <Card
      title={t.lastTasks}
      actions={
        <Link to="/tasks" className="text-accent min-h-6 leading-6 hover:underline">
          {shell.allTasks}
        </Link>
      }
    >
      {newest.length === 0 ? (
        <p className="text-muted">{shell.nothingDone}</p>
      ) : (
        <Rows>
          {newest.map(({ id, name, state, progress, created }) => (
            <li key={id} className="grid min-h-9 grid-cols-[7rem_minmax(0,1fr)_auto] items-center gap-3">
              <WorkState state={state} progress={progress} />
              <span className="truncate" title={name}>
                {name}
              </span>
              <span className="text-muted text-xs">
                <Ago time={created} />
              </span>
            </li>
          ))}
        </Rows>
      )}
    </Card>
  )
}
