import type { Schedule } from '@nixen/api'
import { isAppError, messageOf, type Clock, type Log } from '@nixen/core'
import type { JobStore, StoredJob } from './job-store.ts'
import type { Jobs } from './jobs.ts'
import { lastDue, timesOf } from './schedule.ts'

export interface SchedulerPorts {
  readonly jobs: Jobs
  readonly store: JobStore
  readonly clock: Clock
  readonly log: Log
}

/** The clock may be set, and a machine may sleep: it looks at least so often, in milliseconds. */
const longestSleep = 30_000
/** A time that is seen to later than this was missed, in milliseconds: Nixen did not run, or the machine slept. */
const missedAfter = 5 * 60 * 1000

/**
 * Runs jobs when they are due. What was seen to is written down, so that nothing is run twice, and what was due while Nixen did not run
 * is known: it runs once now, or is left out, as the job says.
 */
export class Scheduler implements AsyncDisposable {
  readonly #ports: SchedulerPorts
  readonly #stop = new AbortController()
  #wake = new AbortController()
  readonly #loop: Promise<void>
  /** Jobs that were due while they ran, and go again when they end. */
  readonly #queued = new Set<string>()

  constructor(ports: SchedulerPorts) {
    this.#ports = ports
    ports.jobs.onChanged(() => this.#wake.abort())
    this.#loop = this.#run().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) ports.log.error('the scheduler stopped', { error: messageOf(error) })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#ports
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController()
      let next: number
      try {
        next = await this.#look()
      } catch (error) {
        log.error('schedules could not be seen to', { error: messageOf(error) })
        next = clock.now() + longestSleep
      }
      const pause = Math.max(50, Math.min(longestSleep, next - clock.now()))
      try {
        await clock.sleep(pause, { signal: AbortSignal.any([this.#stop.signal, this.#wake.signal]) })
      } catch (error) {
        if (!this.#stop.signal.aborted && !this.#wake.signal.aborted) throw error
      }
    }
  }

  /** Begins what is due; gives the next time at which something is. */
  async #look(): Promise<number> {
    const { jobs, clock } = this.#ports
    let next = clock.now() + longestSleep
    for (const job of await jobs.all()) {
      for (const schedule of job.schedules) {
        const at = await this.#see(job, schedule)
        if (at !== undefined) next = Math.min(next, at)
      }
    }
    return next
  }

  async #see(job: StoredJob, schedule: Schedule): Promise<number | undefined> {
    const { store, clock, log } = this.#ports
    const now = clock.now()
    const times = timesOf(schedule)
    const seen = await store.lastDue(job.id, schedule.name)
    // A new schedule has missed nothing; a clock that was set back is believed.
    const since = seen === undefined || seen > now + longestSleep ? now : seen
    if (since !== seen) await store.markDue(job.id, schedule.name, since)
    const due = lastDue(times, since, now)
    if (due !== undefined) {
      // Before it is begun: a crash in between leaves a run out, and never runs one twice.
      await store.markDue(job.id, schedule.name, due)
      if (job.enabled && schedule.enabled) {
        await this.#begin(job, schedule, due).catch((error: unknown) =>
          log.warn('a job could not be begun', { job: job.id, schedule: schedule.name, error: messageOf(error) }),
        )
      }
    }
    return times.next(Math.max(now, due ?? 0))
  }

  async #begin(job: StoredJob, schedule: Schedule, due: number): Promise<void> {
    const { jobs, clock, log } = this.#ports
    const missed = clock.now() - due > missedAfter
    if (missed && job.missed === 'skip') {
      log.info('a missed run is left out', { job: job.id, schedule: schedule.name, due })
      return
    }
    const request = { trigger: missed ? ('missed' as const) : ('schedule' as const), schedule: schedule.name }
    try {
      await jobs.run(job.id, request)
    } catch (error) {
      if (!isAppError(error, 'job.running')) throw error
      if (job.overlap === 'skip') {
        log.warn('a job is due and still runs: left out', { job: job.id, schedule: schedule.name })
        return
      }
      this.#queue(job, schedule)
    }
  }

  /** Once more when the run that goes on has ended; not twice, however often it was due. */
  #queue(job: StoredJob, schedule: Schedule): void {
    const { log } = this.#ports
    const key = `${job.id} ${schedule.name}`
    if (this.#queued.has(key)) return
    this.#queued.add(key)
    void this.#after(job, schedule, key).catch((error: unknown) =>
      log.warn('a queued job could not be begun', { job: job.id, error: messageOf(error) }),
    )
  }

  async #after(job: StoredJob, schedule: Schedule, key: string): Promise<void> {
    const { jobs } = this.#ports
    await jobs.ended(job.id)
    this.#queued.delete(key)
    if (!this.#stop.signal.aborted) await jobs.run(job.id, { trigger: 'schedule', schedule: schedule.name })
  }
}
