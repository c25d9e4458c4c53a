import {
  demandQuery,
  jobErrors,
  queryTable,
  type MirrorWork,
  type Point,
  type RepositoryId,
  type ResourceId,
  parsePointId,
} from '@nixen/api'
import { formatBytes, type Clock } from '@nixen/core'
import type { JobKind, RunContext } from '../jobs/job-kind.ts'
import type { Catalogue } from '../repositories/catalogue.ts'
import type { Repositories } from '../repositories/repositories.ts'

export interface MirrorPorts {
  readonly repositories: Repositories
  readonly catalogue: Catalogue
  readonly clock: Clock
}

/** Jobs that keep restore points of one repository in others too, each with its own rules for how long. */
export function mirrorKind(ports: MirrorPorts): JobKind<'mirror'> {
  const { repositories } = ports
  const nameOf = (id: RepositoryId): string => repositories.nameOf(id) ?? id
  return {
    kind: 'mirror',
    // It has no objects of the inventory; see `objects`.
    typeOf: () => 'vm',
    objects: ({ to }) =>
      // A repository is no object of the inventory, and its id is shown nowhere as one.
      to.map((id) => ({ id: id as string as ResourceId, name: nameOf(id), outside: true })),
    check({ from, to, q }) {
      for (const id of [from, ...to]) repositories.get(id)
      if (to.includes(from))
        throw jobErrors.unsupported({ kind: 'mirror', reason: 'a repository is copied to itself.' })
      if (new Set(to).size < to.length) {
        throw jobErrors.unsupported({ kind: 'mirror', reason: 'a repository is there twice.' })
      }
      if (q !== undefined) demandQuery(q, queryTable('point'), { now: ports.clock.now() })
    },
    describe: ({ from, to }) => `Copies from ${nameOf(from)} to ${to.map(nameOf).join(' and ')}`,
    refuse: () => undefined,
    async work(context, { id }, task) {
      const work = workOf(context)
      // As `objects` gave it.
      const target = id as string as RepositoryId
      const { signal } = task
      task.progress(undefined, `Looking what is in ${nameOf(work.from)}`)
      // What somebody else wrote or forgot since the last look counts too.
      await repositories.refresh(work.from, { signal })
      const snapshots = chosen(ports, context).flatMap((point) => parsePointId(point.id)?.snapshot ?? [])
      const keep = context.schedule?.keep ?? work.keep
      const { timeZone } = context.schedule ?? {}
      const rules = keep && { policy: Object.fromEntries(Object.entries(keep).filter(([, count]) => count)), timeZone }
      const input = { snapshots, job: context.job.id, ...(rules && hasRules(rules.policy) && { keep: rules }) }
      const { added, removed, present, passed, bytes } = await repositories.mirror(work.from, target, input, {
        signal,
        progress: ({ done, total, detail }) => task.progress(total > 0 ? done / total : undefined, detail),
      })
      task.log(
        `${added.length} restore points copied (${formatBytes(bytes)}), ${present} were there, ${passed} not kept there, ${removed.length} forgotten.`,
      )
      return { read: bytes, written: bytes }
    },
  }
}

function hasRules(policy: object): boolean {
  return Object.keys(policy).length > 0
}

function workOf({ job }: Pick<RunContext, 'job'>): MirrorWork {
  // Found by its kind, so that its work is of that kind.
  return job.work as MirrorWork
}

/** Restore points of the source that the job means, and its owner may see. */
function chosen({ catalogue, repositories, clock }: MirrorPorts, context: RunContext): Point[] {
  const { from, q } = workOf(context)
  const reach = context.who.access.reach('point:read')
  if (reach === 'none') return []
  const nameOf = (id: string): string | undefined => repositories.nameOf(id)
  const matches = q === undefined ? undefined : demandQuery(q, queryTable('point'), { now: clock.now(), nameOf })
  const points: Point[] = []
  for (const point of catalogue.all()) {
    if (point.repository !== from || (reach !== 'all' && !reach(point))) continue
    if (matches?.(point) ?? true) points.push(point)
  }
  return points
}
