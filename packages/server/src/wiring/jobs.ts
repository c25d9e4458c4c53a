import { publicUrlOf } from '../http/addresses.ts'
import { JobStore } from '../jobs/job-store.ts'
import { Jobs } from '../jobs/jobs.ts'
import { Scheduler } from '../jobs/scheduler.ts'
import { reporter } from '../notify/reporter.ts'
import { jobKinds } from './job-kinds.ts'
import type { Base } from './base.ts'
import type { Live } from './live.ts'
import type { Messages } from './messages.ts'
import type { People } from './people.ts'
import type { Proof } from './proof.ts'
import type { Stores } from './stores.ts'
import type { Work } from './work.ts'

/** What jobs are made of. */
export interface JobRooms {
  readonly live: Live
  readonly stores: Stores
  readonly proof: Proof
  readonly work: Work
  readonly people: People
  readonly messages: Messages
}

/** Jobs; what the last stop interrupted is told so. {@link startScheduler} begins with their schedules. */
export async function openJobs(base: Base, rooms: JobRooms): Promise<Jobs> {
  const { db, clock, log, config } = base
  const { live, work, people, messages } = rooms
  const { channels, notifier, addUsers } = messages
  const jobs = new Jobs({
    onEnded: reporter({ notifier, log, url: () => publicUrlOf(config.values) }),
    checkChannels: (ids) => channels.demandAll(ids),
    store: new JobStore(db),
    tasks: work.tasks,
    inventory: live.inventory,
    authenticator: people.authenticator,
    kinds: jobKinds(base, rooms),
    clock,
    log,
  })
  await jobs.start()
  addUsers(async (channel) =>
    (await jobs.all()).flatMap(({ channels, name }) => (channels.includes(channel) ? [`the job "${name}"`] : [])),
  )
  return jobs
}

/** Begins jobs when their time has come. */
export function startScheduler({ db, clock, log, parts }: Base, jobs: Jobs): void {
  parts.use(new Scheduler({ jobs, store: new JobStore(db), clock, log }))
}
