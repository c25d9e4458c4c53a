import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { TaskId } from '../ids/resource-id.ts'
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
