import type { Task } from '@nixen/api'
import { inventory, isActive } from '../live/live.ts'

/** Waits for a task to end, as the live inventory tells it. Throws what it failed with. */
export async function waitForTask(id: string, signal?: AbortSignal): Promise<Task> {
  const task = await new Promise<Task>((resolve, reject) => {
    const look = (): void => {
      const seen = inventory.get('task', id)
      if (!seen || isActive(seen)) return
      stop()
      resolve(seen)
    }
    const give = (): void => {
      stop()
      // A signal may carry anything; it is what its owner wants to have thrown.
      reject(signal?.reason instanceof Error ? signal.reason : new Error('Nobody waits any more.'))
    }
    const unsubscribe = inventory.subscribe(look)
    const stop = (): void => {
      unsubscribe()
      signal?.removeEventListener('abort', give)
    }
    signal?.addEventListener('abort', give)
    look()
  })
  if (task.state !== 'succeeded') throw new Error(task.error?.message ?? task.name)
  return task
}
