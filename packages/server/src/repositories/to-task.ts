import type { ActionTask } from '@nixen/providers'
import type { WorkerProgress } from '../worker/operations/operation.ts'

/** What a worker tells, as a task shows it. */
export function toTask(task: ActionTask): {
  readonly signal: AbortSignal
  readonly progress: (progress: WorkerProgress) => void
} {
  return {
    signal: task.signal,
    progress: ({ phase, detail, done, total, unit }) => {
      task.progress(total > 0 ? done / total : undefined, detail === undefined ? phase : `${phase}: ${detail}`)
      if (unit === 'bytes') task.bytes(done, total)
    },
  }
}
