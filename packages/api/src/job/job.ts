import { z } from 'zod'
import { ChannelId, JobId, RepositoryId, UserId } from '../ids/own-id.ts'
import { AnyId, TaskId } from '../ids/resource-id.ts'
import { MirrorWork } from '../mirror/mirror.ts'
import { Retention } from '../repository/inputs.ts'
import { ReplicateWork } from '../replica/replica.ts'
import { VerifyWork } from '../verify/verify.ts'
import { count, duration, flag, text, time, word } from '../schema/fields.ts'

/** Which objects a job works on. */
export const Selection = z
  .strictObject({
    q: text('Query that finds them each time that the job runs (smart mode): what comes later is included.')
      .max(4000)
      .optional(),
    ids: z
      .array(AnyId)
      .max(10_000)
      .optional()
      .meta({ description: 'These objects, beside those that the query finds.' }),
    excludeTags: z
      .array(z.string())
      .max(100)
      .default([])
      .meta({ description: 'Objects with one of these tags are left out.' }),
  })
  .meta({ id: 'Selection', description: 'Which objects a job works on.' })
export type Selection = z.infer<typeof Selection>

/** When a job runs. */
export const Schedule = z
  .strictObject({
    name: text('Name, unique in the job: nightly, weekly.').regex(/^[a-z0-9][a-z0-9-]{0,31}$/, {
      error: 'Lower-case letters, digits and "-", at most 32.',
    }),
    cron: text('Five or six fields as in cron: "30 2 * * 1-5".')
      .min(1)
      .max(200)
      .meta({ description: 'Five or six fields as in cron.', examples: ['30 2 * * 1-5', '0 */4 * * *'] }),
    timeZone: text('Time zone of the fields; that of the server when left out.').max(100).optional(),
    enabled: flag('It runs by itself.').default(true),
    keep: Retention.optional().meta({ description: 'What is kept of what this schedule makes.' }),
    keepVerified: flag(
      'Of backups: only restore points with a good health check count for what is kept. Newer ones stay until one of them has it.',
    ).optional(),
  })
  .meta({ id: 'Schedule', description: 'When a job runs.' })
export type Schedule = z.infer<typeof Schedule>

/** What a job does. */
export const JobWork = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('action'),
      action: text('Name of the action: vm.start, host.reboot, …').regex(/^[a-z]+\.[a-zA-Z]+$/),
      input: z
        .record(z.string(), z.unknown())
        .default({})
        .meta({ description: 'Input of the action, the same for all objects.' }),
    }),
    z.strictObject({
      kind: z.literal('snapshot'),
      memory: flag('With the memory of running VMs, where they can.').default(false),
    }),
    z.strictObject({
      kind: z.literal('backup'),
      repositories: z.array(RepositoryId).min(1).max(10).meta({ description: 'Where to; all get the same.' }),
      mode: word(
        ['crash', 'memory', 'halted'],
        'How a VM is frozen: as after a power cut, with its memory, or shut down first.',
      ).default('crash'),
      quiesce: word(
        ['never', 'try', 'require'],
        'Whether the guest is asked to bring its data in order first.',
      ).default('try'),
      excludeDisks: text('Query of disks that are left out: name:*swap*.').max(4000).optional(),
      keepData: flag('The snapshots keep their data on the host, for a differential restore from there.').default(
        false,
      ),
      verify: z.number().min(0).max(1).default(0.01).meta({
        description: 'Part of the blocks that the host calls unchanged which is read and compared once a week.',
        unit: 'fraction',
      }),
    }),
    z.strictObject({
      kind: z.literal('metadata'),
      repositories: z.array(RepositoryId).min(1).max(10).meta({ description: 'Where to; all get the same.' }),
      pools: flag('The databases of the pools of the selected objects.').default(true),
      own: flag("Nixen's own state.").default(true),
    }),
    VerifyWork,
    ReplicateWork,
    MirrorWork,
  ])
  .meta({ id: 'JobWork', description: 'What a job does.' })
export type JobWork = z.infer<typeof JobWork>

/** How a job goes about its work. */
export const JobLimits = z
  .strictObject({
    atOnce: z.int().min(1).max(256).default(4).meta({ description: 'Objects at a time.', unit: 'count' }),
    perHost: z.int().min(1).max(256).default(2).meta({ description: 'Objects at a time on one host.', unit: 'count' }),
    perStorage: z
      .int()
      .min(1)
      .max(256)
      .default(4)
      .meta({ description: 'Disks at a time on one storage.', unit: 'count' }),
    rate: z.int().positive().optional().meta({
      description: 'Bytes per second, of all objects together: read from hosts, and written to each repository.',
      unit: 'bytes',
    }),
    retries: z
      .int()
      .min(0)
      .max(10)
      .default(1)
      .meta({ description: 'Attempts after a failure that may pass.', unit: 'count' }),
    pause: duration('Milliseconds before another attempt.').default(60_000),
    timeout: duration('Milliseconds after which the work on one object is given up.').default(24 * 3600 * 1000),
  })
  .meta({ id: 'JobLimits', description: 'How a job goes about its work.' })
export type JobLimits = z.infer<typeof JobLimits>

const fields = {
  name: text('Name.').min(1).max(200),
  description: text('Text for people.').max(10_000).optional(),
  enabled: flag('Its schedules count.').default(true),
  work: JobWork,
  selection: Selection.prefault({}),
  schedules: z.array(Schedule).max(20).default([]).meta({ description: 'When it runs; only by hand when empty.' }),
  after: z
    .array(
      z.strictObject({
        job: JobId.meta({ description: 'The other job.' }),
        on: word(['success', 'end'], 'success: only when all of it went well; end: also when it failed.').default(
          'success',
        ),
      }),
    )
    .max(20)
    .optional()
    .meta({ description: 'It also runs whenever one of these jobs has ended.' }),
  limits: JobLimits.prefault({}),
  overlap: word(['skip', 'queue'], 'What happens when it is due and still runs.').default('skip'),
  missed: word(['run', 'skip'], 'What happens when it was due while Nixen did not run.').default('run'),
  report: word(['always', 'failure', 'never'], 'When the result is told to people.').default('failure'),
  channels: z.array(ChannelId).max(20).default([]).meta({ description: 'Who is told, and how.' }),
}

/** A new job. */
export const NewJob = z.strictObject(fields).meta({ id: 'NewJob', description: 'A new job.' })
export type NewJob = z.infer<typeof NewJob>

/** What to do, with what, and when. */
export const Job = z
  .strictObject({
    ...fields,
    id: JobId,
    owner: UserId.meta({
      description: 'Who made it, or changed its work or selection last: it may do what this user may.',
    }),
    created: time('When it was made.'),
    next: time('When it runs next; absent when it does not.').optional(),
    last: z
      .strictObject({
        run: text('Id of the run.'),
        state: text('How it ended.'),
        started: time('When it began.'),
        finished: time('When it ended.').optional(),
      })
      .optional()
      .meta({ description: 'Its last run.' }),
    running: TaskId.optional().meta({ description: 'The task of the run that goes on now.' }),
    objects: count('How many objects it would work on now.').optional(),
  })
  .meta({ id: 'Job', description: 'What to do, with what, and when.' })
export type Job = z.infer<typeof Job>
