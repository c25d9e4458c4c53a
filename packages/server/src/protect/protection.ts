import { parseId, type Point, type RunItem, type Vm, type VmProtection } from '@nixen/api'
import { messageOf, type Clock, type Log } from '@nixen/core'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { StoredJob } from '../jobs/job-store.ts'
import { timesOf } from '../jobs/schedule.ts'
import type { Catalogue } from '../repositories/catalogue.ts'
import { jobTag } from './backup.ts'
import { protectionOf, unprotected, type Cover } from './protection-state.ts'
import { selectedVms } from './selected-vms.ts'

export interface ProtectionPorts {
  readonly inventory: Inventory
  readonly jobs: Jobs
  readonly catalogue: Catalogue
  readonly authenticator: Pick<Authenticator, 'as'>
  readonly clock: Clock
  readonly log: Log
}

/** Milliseconds from a run, a job or a restore point that came to the new states: what comes together is counted once. */
const soon = 300
/** Milliseconds between two looks at the clock, the restore points and the selections. */
const interval = 15_000
/** So many runs of a job say how its last backup of each VM went: some are of a few VMs only. */
const runsLookedAt = 5

/** How the last backup of each VM by one job went. */
interface Outcomes {
  /** The newest run that is in it. */
  readonly run: string | undefined
  readonly failed: ReadonlySet<string>
}

/**
 * Keeps `protection` of the inventory's VMs up to date: derived from jobs, their runs and the restore points there are. VMs without any share
 * one object.
 */
export class Protection implements AsyncDisposable {
  readonly #ports: ProtectionPorts
  readonly #stop = new AbortController()
  readonly #outcomes = new Map<string, Outcomes>()
  readonly #unsubscribe: () => void
  #states = new Map<string, VmProtection>()
  #wake: () => void = () => undefined
  #working: Promise<void> = Promise.resolve()

  constructor(ports: ProtectionPorts) {
    this.#ports = ports
    const { inventory, jobs, log } = ports
    inventory.dress = (vm) => this.#dress(vm)
    jobs.onChanged(() => this.#wake())
    this.#unsubscribe = inventory.subscribe(({ type, after }) => {
      if (type !== 'task' || !after || !('action' in after) || !('finished' in after)) return
      if (after.finished !== undefined && isAboutBackups(String(after.action))) this.#wake()
    })
    this.#working = this.#run().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) log.error('protection states stopped', { error: messageOf(error) })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe()
    this.#ports.inventory.dress = undefined
    this.#stop.abort()
    this.#wake()
    await this.#working
  }

  /** A VM as the inventory shall have it: what is the same stays the same object. */
  #dress(vm: Vm): Vm {
    const protection = this.#states.get(vm.id) ?? unprotected
    return vm.protection === protection ? vm : { ...vm, protection }
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#ports
    const { signal } = this.#stop
    while (!signal.aborted) {
      // What wakes it while it looks makes it look once more.
      const woken = new AbortController()
      this.#wake = () => woken.abort()
      try {
        await this.#refresh()
      } catch (error) {
        log.warn('protection states could not be found', { error: messageOf(error) })
      }
      await clock.sleep(interval, { signal: AbortSignal.any([signal, woken.signal]) }).catch(() => undefined)
      if (!signal.aborted && woken.signal.aborted) await clock.sleep(soon, { signal }).catch(() => undefined)
    }
  }

  async #refresh(): Promise<void> {
    const { inventory, catalogue, clock } = this.#ports
    const points = newestByVm(catalogue.all())
    const covers = await this.#covers(points)
    const now = clock.now()
    const verified = verifiedByVm(catalogue.all())
    const states = new Map<string, VmProtection>()
    for (const { id } of inventory.all('vm')) {
      const key = parseId(id)?.key ?? ''
      const newest = points.get(key)?.get('')
      const state = protectionOf(covers.get(id) ?? [], newest, now)
      const proved = verified.get(key)
      const found = proved === undefined ? state : { ...state, verified: proved }
      if (found !== unprotected) states.set(id, sameOr(this.#states.get(id), found))
    }
    this.#states = states
    // `put` dresses them; for those that stay as they are it does no more.
    for (const vm of inventory.all('vm')) inventory.put('vm', vm)
  }

  /** What each job does for the VMs that it includes now. */
  async #covers(points: NewestPoints): Promise<ReadonlyMap<string, readonly Cover[]>> {
    const covers = new Map<string, Cover[]>()
    for (const job of await this.#ports.jobs.all()) {
      const schedules = job.enabled && job.work.kind === 'backup' ? job.schedules.filter(({ enabled }) => enabled) : []
      if (schedules.length === 0) continue
      const { failed } = await this.#outcomesOf(job)
      const times = schedules.map(timesOf)
      const dueAfter = remembered((after) => first(times.map((one) => one.next(after))))
      for (const id of await selectedVms(this.#ports, job)) {
        const mine = points.get(parseId(id)?.key ?? '')
        const newest = newestOf(job, mine)
        const cover = { job: job.id, since: job.created, dueAfter, failed: failed.has(id), newest }
        const there = covers.get(id)
        if (there) there.push(cover)
        else covers.set(id, [cover])
      }
    }
    return covers
  }

  async #outcomesOf({ id }: StoredJob): Promise<Outcomes> {
    const { jobs } = this.#ports
    const known = this.#outcomes.get(id)
    const runs = (await jobs.runs({ job: id, limit: runsLookedAt })).filter(({ finished }) => finished !== undefined)
    if (known && known.run === runs[0]?.id) return known
    const failed = new Set<string>()
    for (const run of runs.toReversed()) {
      const { items } = await jobs.runDetail(run.id)
      for (const item of items) note(failed, item)
    }
    const found = { run: runs[0]?.id, failed }
    this.#outcomes.set(id, found)
    return found
  }
}

function isAboutBackups(action: string): boolean {
  return ['job.run', 'repository.refresh', 'repository.check', 'point.verify'].includes(action)
}

function note(failed: Set<string>, { id, state }: RunItem): void {
  if (id === undefined) return
  if (state === 'failed') failed.add(id)
  else if (state === 'succeeded' || state === 'warned') failed.delete(id)
}

/** By UUID of the VM, then by job as the restore point names it; under '' the newest of all. */
type NewestPoints = ReadonlyMap<string, ReadonlyMap<string, number>>

function newestByVm(points: readonly Point[]): NewestPoints {
  const found = new Map<string, Map<string, number>>()
  for (const { uuid, time, job = 'unknown' } of points) {
    if (uuid === undefined) continue
    let mine = found.get(uuid)
    if (!mine) found.set(uuid, (mine = new Map()))
    for (const key of ['', job]) if ((mine.get(key) ?? 0) < time) mine.set(key, time)
  }
  return found
}

/** When a restore point of each VM was found good last, by its UUID. */
function verifiedByVm(points: readonly Point[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const { uuid, verified } of points)
    if (uuid !== undefined && verified !== undefined) found.set(uuid, Math.max(verified, found.get(uuid) ?? 0))
  return found
}

/** The newest point of a job, of whichever of its schedules, or of none. */
function newestOf(job: StoredJob, mine: ReadonlyMap<string, number> | undefined): number | undefined {
  if (!mine) return undefined
  const tags = [undefined, ...job.schedules].map((schedule) => jobTag({ job, schedule }))
  const times = tags.flatMap((tag) => mine.get(tag) ?? [])
  return times.length === 0 ? undefined : Math.max(...times)
}

function first(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

/** VMs of one run have points of nearly the same time: what is due after a minute is worked out once. */
function remembered(dueAfter: (after: number) => number | undefined): (after: number) => number | undefined {
  const known = new Map<number, number | undefined>()
  const minute = 60_000
  return (after) => {
    const rounded = Math.ceil(after / minute) * minute
    if (!known.has(rounded)) known.set(rounded, dueAfter(rounded))
    return known.get(rounded)
  }
}

function sameOr(before: VmProtection | undefined, now: VmProtection): VmProtection {
  const same = before && (['state', 'newest', 'verified', 'job'] as const).every((key) => before[key] === now[key])
  return same ? before : now
}
