import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { JobId, RunId } from '../ids/own-id.ts'
import { AnyId, TaskId } from '../ids/resource-id.ts'
import { text, time } from '../schema/fields.ts'
import { Job, NewJob } from './job.ts'

const params = z.strictObject({ id: JobId })
const badJob = [
  'job.bad_schedule',
  'job.unsupported',
  'query.invalid',
  'bulk.no_such_action',
  'repository.not_found',
  'channel.not_found',
] as const

/** What to do regularly. */
export const jobEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/jobs',
    summary: 'List jobs',
    output: z.strictObject({ items: z.array(Job) }),
    permission: 'job:read',
    cli: { verb: 'job list', columns: ['name', 'enabled', 'next', 'last', 'objects', 'id'] },
  }),
  get: endpoint({
    method: 'GET',
    path: '/jobs/:id',
    summary: 'Show one job',
    params,
    output: Job,
    permission: 'job:read',
    errors: ['job.not_found'],
    cli: { verb: 'job get', args: ['id'] },
  }),
  create: endpoint({
    method: 'POST',
    path: '/jobs',
    summary: 'Make a job',
    input: NewJob,
    output: Job,
    permission: 'job:create',
    audit: 'job.create',
    errors: badJob,
    cli: { verb: 'job create', args: ['name'] },
  }),
  update: endpoint({
    method: 'PUT',
    path: '/jobs/:id',
    summary: 'Change a job: all of it, as it shall be',
    params,
    input: NewJob,
    output: Job,
    permission: 'job:update',
    audit: 'job.update',
    errors: ['job.not_found', ...badJob],
    cli: { verb: 'job update', args: ['id'] },
  }),
  enable: endpoint({
    method: 'POST',
    path: '/jobs/:id/enable',
    summary: 'Let the schedules of a job count, or not',
    params,
    input: z.strictObject({ enabled: z.boolean().default(true).meta({ description: 'Whether they count.' }) }),
    output: Job,
    permission: 'job:update',
    audit: 'job.enable',
    errors: ['job.not_found'],
    cli: { verb: 'job enable', args: ['id'] },
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/jobs/:id',
    summary: 'Remove a job; what it made stays',
    params,
    permission: 'job:delete',
    audit: 'job.remove',
    errors: ['job.not_found', 'job.running'],
    cli: { verb: 'job remove', args: ['id'] },
  }),
  run: endpoint({
    method: 'POST',
    path: '/jobs/:id/run',
    summary: 'Run a job now',
    params,
    input: z.strictObject({
      schedule: text('As this schedule would: what it keeps counts.').optional(),
      only: z.array(AnyId).max(10_000).optional().meta({ description: 'Only with these of its objects.' }),
    }),
    output: z.strictObject({ run: RunId, task: TaskId }),
    permission: 'job:run',
    audit: 'job.run',
    errors: ['job.not_found', 'job.running', 'job.nothing_selected', 'job.owner_gone', 'job.bad_schedule'],
    cli: { verb: 'job run', args: ['id'] },
  }),
  preview: endpoint({
    method: 'POST',
    path: '/jobs/preview',
    summary: 'Show what a job would work on now, and when it would run',
    input: NewJob,
    output: z.strictObject({
      sentence: text('What it does, in a sentence.'),
      items: z.array(
        z.strictObject({
          id: AnyId,
          name: text('Name.'),
          refused: text('Why it would be left out.').optional(),
        }),
      ),
      next: z.array(z.strictObject({ schedule: text('Name of the schedule.'), at: time('When.') })).meta({
        description: 'The next runs, at most 20.',
      }),
    }),
    permission: 'job:create',
    audit: 'job.preview',
    errors: badJob,
  }),
} as const
