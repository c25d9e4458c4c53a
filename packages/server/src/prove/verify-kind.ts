import {
  connectionOfId,
  demandPermission,
  isConnectionId,
  jobErrors,
  parseId,
  verifyErrors,
  type JobWork,
  type Point,
  type RepositoryId,
} from '@nixen/api'
import type { Inventory } from '../inventory/inventory.ts'
import type { JobKind, RunContext } from '../jobs/job-kind.ts'
import { timesOf } from '../jobs/schedule.ts'
import type { Catalogue } from '../repositories/catalogue.ts'
import { checkPoint, storedVmOf, type CheckPorts } from './check-point.ts'
import { chooseSample, type Candidate } from './choose-sample.ts'
import { failureOfCheck } from './failure.ts'

export interface VerifyPorts extends CheckPorts {
  readonly inventory: Inventory
  readonly catalogue: Catalogue
}

type VerifyWork = Extract<JobWork, { kind: 'verify' }>

const day = 24 * 3600 * 1000

/** Jobs that prove restore points: in each run the VMs whose turn it is, each with its newest restore point. */
export function verifyKind(ports: VerifyPorts): JobKind<'verify'> {
  const { inventory, repositories, clock, checks } = ports
  // Found by its kind, so that its work is of that kind.
  const workOf = ({ job }: Pick<RunContext, 'job'>): VerifyWork => job.work as VerifyWork
  return {
    kind: 'verify',
    typeOf: () => 'vm',
    check({ repositories: ids = [], storage, connection }) {
      for (const id of ids) repositories.get(id)
      if (storage === undefined) return
      const where = connectionOfId(storage)
      if (connection !== undefined && where !== connection)
        throw jobErrors.unsupported({ kind: 'verify', reason: 'the storage is on another connection.' })
    },
    describe: ({ every, repositories: ids }) =>
      `Starts restore points${ids ? ` of ${ids.map((id) => repositories.nameOf(id) ?? id).join(' and ')}` : ''} where they reach nothing, each VM within ${every} days`,
    refuse: (_context, { id }) => (inventory.get('vm', id) ? undefined : 'The VM is gone.'),
    choose: async (context, objects) => {
      const { every, atMost, repositories: from } = workOf(context)
      const known = candidatesOf(ports, from)
      const candidates = objects.map(({ id }) => ({ ...known.get(parseId(id)?.key ?? ''), id }))
      const next = context.schedule && timesOf(context.schedule).next(clock.now())
      const chosen = new Set(chooseSample(candidates, { now: clock.now(), next, every: every * day, atMost }))
      return await Promise.resolve(objects.filter(({ id }) => chosen.has(id)))
    },
    async work(context, { id, name }, task) {
      const { who, job } = context
      const work = workOf(context)
      const point = newestPoint(ports, { uuid: parseId(id)?.key ?? '', from: work.repositories })
      if (!point) throw verifyErrors.no_point({ name })
      demandPermission(who.access, 'point:restore', point)
      demandPermission(who.access, 'vm:create')
      const stored = await storedVmOf(ports, point, task.signal)
      const connection = work.connection ?? (work.storage ? connectionOfId(work.storage) : stored.connection)
      if (!isConnectionId(connection)) throw verifyErrors.not_possible({ name, reason: 'it names no connection.' })
      const record = await checkPoint(ports, { point, stored, connection, wish: work, by: job.name, job: job.id }, task)
      if (record.state === 'failed') throw failureOfCheck(point, record)
      return { written: record.bytes ?? 0, notes: [...record.notes], warned: record.notes.length > 0 }
    },
    async finish(context, task) {
      const { repositories: from = repositories.all().map(({ id }) => id) } = workOf(context)
      for (const id of from)
        if (repositories.all().some((one) => one.id === id && one.state === 'ready')) await checks.tidy(id, task.signal)
    },
  }
}

/** What is known of VMs, by their uuid. */
function candidatesOf({ catalogue }: VerifyPorts, from: readonly RepositoryId[] | undefined) {
  const found = new Map<string, Omit<Candidate, 'id'>>()
  for (const { uuid, time, verified, repository } of catalogue.all()) {
    if (uuid === undefined || (from && !from.includes(repository))) continue
    const before = found.get(uuid)
    const newest = Math.max(before?.verified ?? 0, verified ?? 0)
    found.set(uuid, {
      since: Math.min(before?.since ?? Infinity, time),
      ...(newest === 0 ? {} : { verified: newest }),
    })
  }
  return found
}

function newestPoint(
  { catalogue }: VerifyPorts,
  { uuid, from }: { readonly uuid: string; readonly from: readonly RepositoryId[] | undefined },
): Point | undefined {
  // They are ordered, the newest first.
  return catalogue.all().find((point) => point.uuid === uuid && (!from || from.includes(point.repository)))
}
