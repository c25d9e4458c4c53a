import { connectionOfId, judgeOn, vmCan, type JobWork, type Retention, type Snapshot, type VmId } from '@nixen/api'
import { planForget } from '@nixen/backup'
import type { Clock } from '@nixen/core'
import type { Connections } from '../connections/connections.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { ActionTask } from '@nixen/providers'
import { Gates } from './gates.ts'
import type { JobKind, RunContext } from './job-kind.ts'
import { placeOnHost } from './on-host.ts'
import type { Selected } from './select.ts'

export interface SnapshotPorts {
  readonly inventory: Inventory
  readonly connections: Connections
  readonly clock: Clock
}

type SnapshotWork = Extract<JobWork, { kind: 'snapshot' }>

/** Jobs that take snapshots and remove those that their schedule keeps no more. Only snapshots with the mark of the job are ever removed. */
export function snapshotKind({ inventory, connections, clock }: SnapshotPorts): JobKind<'snapshot'> {
  const gates = new Gates()
  return {
    kind: 'snapshot',
    typeOf: () => 'vm',
    check: () => undefined,
    describe: ({ memory }) => (memory ? 'Takes snapshots with memory' : 'Takes snapshots'),
    refuse({ job }, { id }) {
      const vm = inventory.get('vm', id)
      const connection = inventory.get('connection', connectionOfId(id))
      if (!vm) return 'The VM is gone.'
      const { memory } = job.work as SnapshotWork
      const can = memory && vm.power === 'running' ? vmCan.snapshotWithMemory : vmCan.snapshot
      // What it is busy with passes: the host says so, and the work is tried again.
      const { busy: _, ...calm } = vm
      const limits = { readOnly: connection?.readOnly === true, unsupported: connection?.unsupported }
      const verdict = judgeOn(limits, can, calm)
      return verdict.allowed ? undefined : verdict.reason
    },
    async work(context, object, task) {
      const places = placeOnHost(inventory, object.id, context.job.limits.perHost)
      await gates.run(places, task.signal, async () => await take(context, object, task))
    },
  }

  async function take({ job, schedule }: RunContext, { id, name }: Selected, task: ActionTask): Promise<void> {
    const vm = id as VmId
    const session = connections.session(connectionOfId(id))
    const mark = markOf(job.id, schedule?.name)
    const at = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
    const asked = { id: vm, name: `${job.name} ${at}`, description: `${mark}\nTaken by the job "${job.name}".` }
    const withMemory = (job.work as SnapshotWork).memory && inventory.get('vm', id)?.power === 'running'
    const { vm: actions, snapshot } = session.actions
    const result = withMemory
      ? await actions.snapshotWithMemory(asked, task)
      : await actions.snapshot({ ...asked, quiesce: false }, task)
    task.log(`A snapshot of ${name} is taken.`)
    const keep = schedule?.keep
    if (!keep) return
    // The new one counts as well, whether the inventory has it by now or not.
    const made = new Set<string>(result?.made)
    const mine = [...inventory.all('snapshot')].filter(
      (one) => one.vm === vm && !made.has(one.id) && one.description?.startsWith(mark),
    )
    for (const old of surplus(mine, keep, clock.now())) {
      await snapshot.delete({ id: old.id }, task)
      task.log(`The snapshot ${old.name} is removed: the schedule keeps no more.`)
    }
  }
}

/** The first line of the description of snapshots of a job and schedule. */
function markOf(job: string, schedule = 'by-hand'): string {
  return `nixen:job:${job}:${schedule}`
}

/** Snapshots that a schedule keeps no more, beside one that was just taken at `now`. Without any rule all stay. */
export function surplus(snapshots: readonly Snapshot[], keep: Retention, now: number): readonly Snapshot[] {
  const point = (id: string, time: number) => ({ id, time, hostname: '', paths: [], tags: [] })
  const points = [point('new', now), ...snapshots.map(({ id, created }) => point(id, created))]
  const given = Object.fromEntries(Object.entries(keep).filter(([, count]) => count !== undefined))
  const gone = new Set(planForget(points, given, now).forget.map((decision) => decision.point.id))
  return snapshots.filter(({ id }) => gone.has(id))
}
