import type { Job, JobId, Run, RunDetail, RunId, RunItem } from '@nixen/api'
import type { Db } from '../db/tables.ts'

/** A job as it is written down: what it shows beside is found out each time. */
export type StoredJob = Omit<Job, 'next' | 'last' | 'running' | 'objects'>

export interface RunFilter {
  readonly job?: JobId | undefined
  /** Only those that began before. */
  readonly before?: number | undefined
  readonly limit: number
}

/** Jobs and their runs in the database. */
export class JobStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async all(): Promise<readonly StoredJob[]> {
    const rows = await this.#db.selectFrom('jobs').select('job_json').orderBy('created').orderBy('id').execute()
    return rows.map(({ job_json }) => readJob(job_json))
  }

  async get(id: JobId): Promise<StoredJob | undefined> {
    const row = await this.#db.selectFrom('jobs').select('job_json').where('id', '=', id).executeTakeFirst()
    return row && readJob(row.job_json)
  }

  async put(job: StoredJob): Promise<void> {
    const row = { id: job.id, job_json: JSON.stringify(job), created: job.created }
    await this.#db
      .insertInto('jobs')
      .values(row)
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ job_json: row.job_json }))
      .execute()
  }

  async remove(id: JobId): Promise<void> {
    await this.#db.deleteFrom('jobs').where('id', '=', id).execute()
  }

  /** When a schedule was due last, as far as it was seen to. */
  async lastDue(job: JobId, schedule: string): Promise<number | undefined> {
    const row = await this.#db
      .selectFrom('schedule_marks')
      .select('due')
      .where('job_id', '=', job)
      .where('schedule', '=', schedule)
      .executeTakeFirst()
    return row?.due
  }

  async markDue(job: JobId, schedule: string, due: number): Promise<void> {
    await this.#db
      .insertInto('schedule_marks')
      .values({ job_id: job, schedule, due })
      .onConflict((conflict) => conflict.columns(['job_id', 'schedule']).doUpdateSet({ due }))
      .execute()
  }

  async putRun(run: Run): Promise<void> {
    const row = { id: run.id, job_id: run.job, run_json: JSON.stringify(run), started: run.started }
    const finished = run.finished ?? null
    await this.#db
      .insertInto('runs')
      .values({ ...row, finished })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ run_json: row.run_json, finished }))
      .execute()
  }

  /** Writes down how it went with one object. */
  async putItem(run: RunId, place: number, item: RunItem): Promise<void> {
    const item_json = JSON.stringify(item)
    await this.#db
      .insertInto('run_items')
      .values({ run_id: run, place, item_json })
      .onConflict((conflict) => conflict.columns(['run_id', 'place']).doUpdateSet({ item_json }))
      .execute()
  }

  /** Objects that a run had begun and not ended were interrupted with it. */
  async interruptItems(run: RunId, finished: number): Promise<void> {
    const rows = await this.#db
      .selectFrom('run_items')
      .select(['place', 'item_json'])
      .where('run_id', '=', run)
      .execute()
    for (const { place, item_json } of rows) {
      // Written by `putItem`.
      const item = JSON.parse(item_json) as RunItem
      if (item.state === 'running') await this.putItem(run, place, { ...item, state: 'interrupted', finished })
    }
  }

  async runs({ job, before, limit }: RunFilter): Promise<readonly Run[]> {
    let query = this.#db.selectFrom('runs').select('run_json').orderBy('started', 'desc').orderBy('id').limit(limit)
    if (job !== undefined) query = query.where('job_id', '=', job)
    if (before !== undefined) query = query.where('started', '<', before)
    // Written by `putRun`.
    return (await query.execute()).map(({ run_json }) => JSON.parse(run_json) as Run)
  }

  async run(id: RunId): Promise<RunDetail | undefined> {
    const row = await this.#db.selectFrom('runs').select('run_json').where('id', '=', id).executeTakeFirst()
    if (!row) return undefined
    const items = await this.#db
      .selectFrom('run_items')
      .select('item_json')
      .where('run_id', '=', id)
      .orderBy('place')
      .execute()
    // Written by `putRun` and `putItem`.
    const run = JSON.parse(row.run_json) as Run
    return { ...run, items: items.map(({ item_json }) => JSON.parse(item_json) as RunItem) }
  }

  /** Runs that have not ended: of this process, or of one that is gone. */
  async openRuns(): Promise<readonly Run[]> {
    const rows = await this.#db.selectFrom('runs').select('run_json').where('finished', 'is', null).execute()
    return rows.map(({ run_json }) => JSON.parse(run_json) as Run)
  }
}

function readJob(json: string): StoredJob {
  // Written by `put`; one of before there were channels has none.
  return { channels: [], ...(JSON.parse(json) as Omit<StoredJob, 'channels'>) }
}
