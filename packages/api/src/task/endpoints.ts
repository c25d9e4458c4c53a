import { TaskId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Task } from './task.ts'

/** Reading tasks. */
export const taskEndpoints = readEndpoints({
  type: 'task',
  plural: 'tasks',
  schema: Task,
  id: TaskId,
  columns: ['name', 'state', 'progress', 'created', 'on', 'id'],
})
