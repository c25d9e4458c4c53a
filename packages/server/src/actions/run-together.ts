import { bulkErrors, type Task } from '@nixen/api'
import { messageOf, Semaphore } from '@nixen/core'
import type { ActionTask } from '@nixen/providers'
import type { TaskRequest, Tasks } from '../tasks/tasks.ts'
import type { Prepared } from './prepare.ts'

/** So many run at once; the others wait. A pool does a few at a time anyway. */
const atOnce = 32

/** What is known of the children while they run. */
class Tally {
  readonly #of: number
  readonly #done = Promise.withResolvers<void>()
  #ended = 0
  #failed = 0
  #first = ''
  onChange: (ended: number, of: number) => void = () => undefined

  constructor(of: number) {
    this.#of = of
  }

  end(failure?: string): void {
    this.#ended++
    if (failure !== undefined) {
      this.#failed++
      this.#first ||= failure
    }
    this.onChange(this.#ended, this.#of)
    if (this.#ended === this.#of) this.#done.resolve()
  }

  /** Waits for all. @throws bulk.some_failed */
  async all(): Promise<void> {
    await this.#done.promise
    if (this.#failed > 0) throw bulkErrors.some_failed({ failed: this.#failed, of: this.#of, first: this.#first })
  }
}

/** Runs prepared actions as children of one task, which ends when all have, and whose cancelling cancels them. */
export async function runTogether(
  tasks: Tasks,
  request: TaskRequest,
  list: readonly Prepared[],
): Promise<{ readonly parent: Task; readonly children: readonly Task[] }> {
  const tally = new Tally(list.length)
  const gate = new Semaphore(atOnce)
  let children: readonly Task[] = []
  const cancelAll = (): void => {
    for (const { id } of children) tasks.cancelIfRunning(id)
  }
  const parent = await tasks.run(request, async (task) => {
    task.signal.addEventListener('abort', cancelAll, { once: true })
    tally.onChange = (ended, of) => task.progress(ended / of, `${ended} of ${of}`)
    await tally.all()
    task.signal.throwIfAborted()
  })
  const counted = ({ on, task, work }: Prepared) => ({
    request: { ...task, parent: parent.id },
    work: async (run: ActionTask) => {
      try {
        const result = await gate.run(async () => await work(run), { signal: run.signal })
        tally.end()
        return result
      } catch (error) {
        tally.end(`${on.name}: ${messageOf(error)}`)
        throw error
      }
    },
  })
  children = await tasks.runAll(list.map(counted))
  return { parent, children }
}
