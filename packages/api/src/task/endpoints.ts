import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { UserId } from '../ids/own-id.ts'
import { AnyId, TaskId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Task, TaskLine } from './task.ts'

const params = z.strictObject({ id: TaskId })

/** Following tasks. */
export const taskEndpoints = {
  ...readEndpoints({
    type: 'task',
    plural: 'tasks',
    schema: Task,
    id: TaskId,
    columns: ['name', 'state', 'progress', 'created', 'on', 'id'],
  }),
  history: endpoint({
    method: 'GET',
    path: '/task-history',
    summary: 'List what Nixen has done, the newest first, also what is no longer among the tasks',
    input: z.strictObject({
      before: z.int().optional().meta({ description: 'Only what was asked for before this time.', unit: 'time' }),
      on: AnyId.optional().meta({ description: 'Only what was done with this object.' }),
      user: UserId.optional().meta({ description: 'Only what this user asked for.' }),
      action: z.string().max(100).optional().meta({ description: 'Only this action: vm.start.' }),
      limit: z.int().min(1).max(1000).default(100).meta({ description: 'Most tasks in the answer.' }),
    }),
    output: z.strictObject({ items: z.array(Task) }),
    permission: 'task:read',
    cli: { verb: 'task history', columns: ['created', 'name', 'state', 'user', 'finished', 'id'] },
  }),
  log: endpoint({
    method: 'GET',
    path: '/tasks/:id/log',
    summary: 'Show what a task of Nixen has written down',
    params,
    output: z.strictObject({ lines: z.array(TaskLine) }),
    permission: 'task:read',
    errors: ['task.not_found'],
    cli: { verb: 'task log', args: ['id'], columns: ['at', 'text'] },
  }),
  cancel: endpoint({
    method: 'POST',
    path: '/tasks/:id/cancel',
    summary: 'Cancel a task',
    description: 'Answers at once; the task ends when what it does can be stopped, and undoes what it has begun.',
    params,
    output: Task,
    permission: 'task:cancel',
    audit: 'task.cancel',
    errors: ['task.not_found', 'task.not_cancellable', 'connection.not_connected'],
    cli: { verb: 'task cancel', args: ['id'] },
  }),
} as const
