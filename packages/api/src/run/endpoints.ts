import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { JobId, RunId } from '../ids/own-id.ts'
import { Run, RunDetail } from './run.ts'

/** Runs of jobs. They are cancelled by their task. */
export const runEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/runs',
    summary: 'List runs of jobs, the newest first',
    input: z.strictObject({
      job: JobId.optional().meta({ description: 'Only those of this job.' }),
      before: z.int().optional().meta({ description: 'Only those that began before this time.', unit: 'time' }),
      limit: z.int().min(1).max(1000).default(100).meta({ description: 'Most runs in the answer.' }),
    }),
    output: z.strictObject({ items: z.array(Run) }),
    permission: 'job:read',
    cli: {
      verb: 'run list',
      columns: ['started', 'jobName', 'schedule', 'state', 'objects', 'failed', 'written', 'id'],
    },
  }),
  get: endpoint({
    method: 'GET',
    path: '/runs/:id',
    summary: 'Show one run with what it did with each object',
    params: z.strictObject({ id: RunId }),
    output: RunDetail,
    permission: 'job:read',
    errors: ['job.no_run'],
    cli: { verb: 'run get', args: ['id'] },
  }),
} as const
