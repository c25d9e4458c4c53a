import { capabilities } from '../capability/capabilities.ts'
import type { Task } from './task.ts'

/** What may be done with a task, and why not. */
export const taskCan = capabilities<Task>()({
  cancel: [
    {
      when: (task) => task.state === 'pending' || task.state === 'running',
      otherwise: (task) =>
        `The task has ${task.state === 'cancelling' ? 'been told to stop already' : task.state === 'failed' ? 'failed' : 'ended'}.`,
    },
    { when: (task) => task.cancellable, otherwise: 'The task cannot be cancelled at this point.' },
  ],
})
export type TaskAction = keyof typeof taskCan
