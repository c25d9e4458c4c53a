import {
  connectionOfId,
  parseId,
  replicaErrors,
  type ConnectionId,
  type JobId,
  type JobWork,
  type VmId,
} from '@nixen/api'
import type { ChangeToken } from '@nixen/disk'
import type {
  ActionTask,
  FrozenVm,
  ProviderSession,
  Replica,
  ReplicaActions,
  ReplicaMark,
  ReplicaPlace,
  RestorePlan,
} from '@nixen/providers'
import type { Connections } from '../connections/connections.ts'
import type { ItemResult } from '../jobs/job-kind.ts'
import { toTask } from '../repositories/to-task.ts'
import { journalOn } from '../tasks/journal-on.ts'
import type { InputOf, OutputOf } from '../worker/operations.ts'
import type { PoolRunOptions, WorkerPool } from '../worker/worker-pool.ts'

export interface ReplicatePorts {
  readonly connections: Connections
  readonly pool: WorkerPool
}

export type ReplicateWork = Extract<JobWork, { kind: 'replicate' }>

export interface ReplicationOfVm {
  readonly id: VmId
  readonly work: ReplicateWork
  readonly job: JobId
}

/** On replicas. */
export const replicaTag = 'nixen:replica'

/**
 * Brings the replica of a VM up to date, or makes it: freezes the VM, copies what changed into the replica's disks beside those it has, puts them
 * in their place, takes a restore point there, and keeps on the source's host what the next run needs.
 */
export async function replicateVm(
  ports: ReplicatePorts,
  { id, work, job }: ReplicationOfVm,
  task: ActionTask,
): Promise<ItemResult> {
  const { connections } = ports
  const [from, to] = [connectionOfId(id), connectionOfId(work.storage)]
  const [source, target] = [connections.session(from), connections.session(to)]
  const replicas = replicasOf(target)
  const key = parseId(id)?.key ?? ''
  task.progress(undefined, 'Looking for the replica')
  const mine = ({ mark }: Replica): boolean =>
    mark.job === job && mark.source.connection === from && mark.source.vm === key
  const replica = (await replicas.list({ signal: task.signal })).find(mine)
  if (replica?.diverged !== undefined) {
    throw replicaErrors.diverged({ name: replica.name, reason: replica.diverged })
  }
  task.progress(undefined, 'Freezing')
  const freezing = { owner: job, quiesce: work.quiesce, journal: task, signal: task.signal }
  const frozen = await source.protect.freeze(id, freezing)
  try {
    return await copyFrozen(ports, { from, to, source, target, replicas, replica, frozen, work, job }, task)
  } catch (error) {
    await source.protect.release(frozen)
    throw error
  }
}

interface Copying {
  readonly from: ConnectionId
  readonly to: ConnectionId
  readonly source: ProviderSession
  readonly target: ProviderSession
  readonly replicas: ReplicaActions
  readonly replica: Replica | undefined
  readonly frozen: FrozenVm
  readonly work: ReplicateWork
  readonly job: JobId
}

async function copyFrozen(ports: ReplicatePorts, copying: Copying, task: ActionTask): Promise<ItemResult> {
  const { from, to, source, target, replicas, replica, frozen, work, job } = copying
  const journal = journalOn(task, to)
  const { signal } = task
  const { config } = frozen
  const place = replica ? undefined : await replicas.makePlace({ name: config.name, journal, signal })
  const plan = await planOf(copying, place, signal)
  const { connections } = ports
  const input = {
    source: connections.spec(from),
    target: connections.spec(to),
    frozen,
    plan,
    owner: job,
    base: baseOf(replica),
  }
  const { restored, disks } = await inWorker(ports, input, { ...toTask(task), journal })
  const tokens = new Map(frozen.disks.map((disk) => [disk.key, disk.token]))
  const mark: ReplicaMark = {
    job,
    source: { connection: from, vm: frozen.vm, lineage: config.lineage, name: config.name },
    time: frozen.time,
    disks: Object.fromEntries(
      restored.disks.map((disk) => [disk.key, { token: tokens.get(disk.key), copy: disk.uuid }]),
    ),
  }
  task.progress(undefined, 'Taking the restore point')
  const points = await replicas.settle(restored.vm, { config, mark, keep: work.keep, place, journal, signal })
  // From here on the replica says what it builds on: what it built on before is of no use any more.
  const drop = tokensOf(replica?.mark)
  const kept = await source.protect.keep(frozen, { data: 'purge', drop })
  const notes = [
    ...frozen.excluded.map(({ disk, reason }) => `The disk ${disk.name} is left out: ${reason}`),
    ...restored.notes.map(({ text }) => text),
    ...kept.notes.map(({ text }) => text),
  ]
  const whole = disks.filter(({ changesOnly }) => !changesOnly)
  const facts = whole.flatMap(({ key, because }) =>
    because.filter(({ code }) => replica || code !== 'first').map(({ text }) => `Disk ${nameOf(frozen, key)}: ${text}`),
  )
  for (const line of [...notes, ...facts]) task.log(line)
  if (!replica) task.log(`${config.name} has a new replica on ${target.product}: all of it was copied.`)
  task.log(`The replica has ${points.length} restore points.`)
  return {
    read: disks.reduce((sum, { readBytes }) => sum + readBytes, 0),
    written: restored.disks.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
    notes: [...notes, ...facts],
    warned: whole.length > 0 && Object.values(replica?.mark.disks ?? {}).some(({ copy }) => copy !== ''),
  }
}

async function planOf(
  { target, replica, frozen, work }: Copying,
  place: ReplicaPlace | undefined,
  signal: AbortSignal,
): Promise<RestorePlan> {
  const { config } = frozen
  const plan = await target.protect.planRestore(
    {
      config: { ...config, disks: frozen.disks },
      identity: replica ? { kind: 'into', vm: replica.vm } : { kind: 'new' },
      name: place?.name,
      disks: frozen.disks.filter(({ kind }) => kind === 'disk').map(({ key }) => key),
      storage: work.storage,
      networkOf: work.networkOf,
      macs: work.macs,
      addTags: [replicaTag],
      keepReplaced: false,
    },
    { signal },
  )
  if (plan.problems.length === 0) return plan
  throw replicaErrors.not_possible({ name: config.name, reason: plan.problems.join(' ') })
}

/** What the replica's disks hold, by key of the source's disk. */
function baseOf(replica: Replica | undefined): InputOf<'replicate'>['base'] {
  const known = Object.entries(replica?.mark.disks ?? {})
  return Object.fromEntries(
    known.flatMap(([key, { token, copy }]) =>
      token === undefined || copy === '' ? [] : [[key, { since: token, copy }]],
    ),
  )
}

function tokensOf(mark: ReplicaMark | undefined): ChangeToken[] {
  return Object.values(mark?.disks ?? {}).flatMap(({ token }) => token ?? [])
}

function nameOf({ disks }: FrozenVm, key: string): string {
  return disks.find((disk) => disk.key === key)?.name ?? key
}

/** What keeps replicas on a connection. @throws replica.not_possible */
export function replicasOf(session: ProviderSession): ReplicaActions {
  if (session.replicas) return session.replicas
  throw replicaErrors.not_possible({ name: 'The VM', reason: `${session.product} keeps no replicas here.` })
}

/** Copies in a process of its own, as backups do; it opens no repository. */
export async function inWorker(
  { pool }: ReplicatePorts,
  input: InputOf<'replicate'>,
  options: PoolRunOptions<'replicate'>,
): Promise<OutputOf<'replicate'>> {
  const { address } = input.target
  const place = { key: `replica:${input.target.id}`, name: address, access: { location: address, password: '' } }
  return await pool.run('replicate', place, input, options)
}
