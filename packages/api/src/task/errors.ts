import { errorArea } from '../errors/area.ts'

/** Errors about tasks. */
export const taskArea = errorArea('task', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no task ${p.id}, or you may not see it.`,
    example: { id: 'task.k3f9x2ab.6f1c2b1e-0d5f-4d0c-9a5b-1c9f6c8b3e7a' },
  },
  not_cancellable: {
    status: 409,
    text: (p: { id: string }) => `The task ${p.id} cannot be cancelled now.`,
    example: { id: 'task.nixen.b7m2x9q4k1zd' },
  },
  cancelled: {
    status: 409,
    text: (p: { id: string }) => `The task ${p.id} was cancelled.`,
    example: { id: 'task.nixen.b7m2x9q4k1zd' },
  },
  interrupted: {
    status: 503,
    text: (p: { id: string }) =>
      `Nixen was stopped while the task ${p.id} ran. What it had begun and not finished is undone. Start it again.`,
    example: { id: 'task.nixen.b7m2x9q4k1zd' },
  },
})
export const taskErrors = taskArea.make
