import type { ActionTask } from '@nixen/providers'
import type { WorkerProgress } from '../worker/operations/operation.ts'

/** Adds up what several workers tell of one task. */
export class Moved {
  readonly #task: ActionTask
  readonly #parts = new Map<string, WorkerProgress>()

  constructor(task: ActionTask) {
    this.#task = task
  }

  /** What `part` (a repository) told last counts. */
  tell(part: string, progress: WorkerProgress): void {
    this.#parts.set(part, progress)
    const all = [...this.#parts.values()]
    const sum = (key: 'done' | 'total' | 'bytesRead'): number => all.reduce((total, one) => total + one[key], 0)
    if (progress.unit === 'bytes') this.#task.bytes(sum('done'), sum('total') || undefined)
    const { phase, detail } = progress
    const total = sum('total')
    this.#task.progress(
      total === 0 ? undefined : sum('done') / total,
      detail === undefined ? phase : `${phase}: ${detail}`,
    )
  }
}
