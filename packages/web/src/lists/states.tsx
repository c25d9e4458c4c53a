import type { Alarm, Connection, Host, Storage, Task, Vm } from '@nixen/api'
import type { ReactNode } from 'react'
import { intents } from '../actions/run-vm-action.ts'
import { vmActions } from '../actions/vm-actions.tsx'
import { useActivity } from '../live/live.ts'
import { formatPart } from '../format/format.ts'
import { State, type Shape, type StateTone } from '../ui/state.tsx'
import { useValue } from '../value.ts'
import { lists } from '../i18n/lists.ts'

type Look = readonly [Shape, StateTone]

const powerLooks: Readonly<Record<Vm['power'], Look>> = {
  running: ['full', 'good'],
  paused: ['half', 'warn'],
  suspended: ['half', 'still'],
  halted: ['ring', 'still'],
  crashed: ['cross', 'bad'],
  unknown: ['ring', 'warn'],
}

/** Whether a VM runs; while something is being done with it, what. */
export function PowerState({ vm }: { readonly vm: Vm }): ReactNode {
  const doing = useDoing(vm.id)
  if (doing !== undefined)
    return (
      <State shape="turning" tone="warn">
        {doing} …
      </State>
    )
  const [shape, tone] = powerLooks[vm.power]
  return (
    <State shape={shape} tone={tone}>
      {lists.power[vm.power]}
    </State>
  )
}

/** What was asked for or is going on with a VM. */
function useDoing(id: string): string | undefined {
  const intent = useValue(intents).get(id)
  const task = useActivity().get(id)
  if (intent !== undefined) return intent
  if (!task) return undefined
  const known = vmActions.find(({ name }) => task.action === `vm.${name}`)
  return known?.doing ?? task.name
}

const hostLooks: Readonly<Record<Host['power'], Look>> = {
  running: ['full', 'good'],
  halted: ['ring', 'still'],
  unknown: ['ring', 'warn'],
}

export function HostState({ host }: { readonly host: Host }): ReactNode {
  const [shape, tone]: Look = host.power === 'running' && !host.enabled ? ['half', 'warn'] : hostLooks[host.power]
  return (
    <State shape={shape} tone={tone}>
      {host.power === 'running' && !host.enabled ? lists.maintenance : lists.power[host.power]}
    </State>
  )
}

const storageLooks: Readonly<Record<Storage['state'], Look>> = {
  ok: ['full', 'good'],
  degraded: ['half', 'warn'],
  detached: ['ring', 'still'],
}

export function StorageState({ storage }: { readonly storage: Storage }): ReactNode {
  const [shape, tone] = storageLooks[storage.state]
  return (
    <State shape={shape} tone={tone}>
      {storage.maintenance === true ? lists.maintenance : lists.storageStates[storage.state]}
    </State>
  )
}

const connectionLooks: Readonly<Record<Connection['state'], Look>> = {
  connected: ['full', 'good'],
  connecting: ['turning', 'warn'],
  degraded: ['half', 'warn'],
  waiting: ['half', 'warn'],
  failed: ['cross', 'bad'],
  disabled: ['ring', 'still'],
}

export function ConnectionState({ connection }: { readonly connection: Connection }): ReactNode {
  const [shape, tone] = connectionLooks[connection.state]
  return (
    <State shape={shape} tone={tone}>
      {lists.connectionStates[connection.state]}
    </State>
  )
}

/** How tasks, runs and items of runs stand. */
const workLooks: Readonly<Record<string, Look>> = {
  pending: ['ring', 'still'],
  waiting: ['ring', 'still'],
  running: ['turning', 'warn'],
  cancelling: ['turning', 'warn'],
  succeeded: ['full', 'good'],
  warned: ['half', 'warn'],
  failed: ['cross', 'bad'],
  cancelled: ['ring', 'still'],
  interrupted: ['cross', 'bad'],
  skipped: ['ring', 'still'],
}

export function WorkState({
  state,
  progress,
}: {
  readonly state: string
  readonly progress?: Task['progress']
}): ReactNode {
  const [shape, tone] = workLooks[state] ?? ['ring', 'still']
  return (
    <State shape={shape} tone={tone}>
      {(lists.work as Readonly<Record<string, string>>)[state] ?? state}
      {state === 'running' && progress !== undefined ? ` ${formatPart(progress)}` : ''}
    </State>
  )
}

const severityLooks: Readonly<Record<Alarm['severity'], Look>> = {
  critical: ['cross', 'bad'],
  warning: ['half', 'warn'],
  info: ['ring', 'still'],
}

export function Severity({ severity }: { readonly severity: Alarm['severity'] }): ReactNode {
  const [shape, tone] = severityLooks[severity]
  return (
    <State shape={shape} tone={tone}>
      {lists.severities[severity]}
    </State>
  )
}
