import type { RepositoryId } from '@nixen/api'
import type { RunContext } from '../jobs/job-kind.ts'
import { Allowance } from '../worker/allowance.ts'
import type { SharedRates } from '../worker/worker-pool.ts'

interface OfRun {
  readonly read: Allowance
  readonly written: Map<RepositoryId, Allowance>
}

/** The rate of a job, shared by all objects of a run: what is read from hosts in all, and what is written to each repository. */
export class RunRates {
  readonly #runs = new WeakMap<RunContext, OfRun>()

  of(context: RunContext, repository: RepositoryId): SharedRates {
    const { rate } = context.job.limits
    if (rate === undefined) return {}
    let run = this.#runs.get(context)
    if (!run) this.#runs.set(context, (run = { read: new Allowance(rate), written: new Map() }))
    let upload = run.written.get(repository)
    if (!upload) run.written.set(repository, (upload = new Allowance(rate)))
    return { read: [run.read], upload: [upload] }
  }
}
