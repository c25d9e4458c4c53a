import { useEffect, useSyncExternalStore } from 'react'
import type { InventoryObject, InventoryType, Task } from '@nixen/api'
import { basePath } from '../base.ts'
import { csrfHeader, expire, loadSession, names, session } from '../session/session.ts'
import { useValue, value } from '../value.ts'
import { followInventory, type LiveStatus } from './follow.ts'
import { InventoryStore, paced } from './inventory-store.ts'

/** Milliseconds between two renderings of changes. */
const pace = 100

export const inventory = new InventoryStore(paced(pace))
export const liveStatus = value<LiveStatus>({ kind: 'loading' })
names.nameOf = inventory.nameOf

const watchedFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init)
  if (response.status === 401) expire()
  return response
}

/** Follows the inventory while the component is there and somebody is signed in. */
export function useLive(): void {
  const isIn = useValue(session).kind === 'in'
  useEffect(() => {
    if (!isIn) return
    const stop = new AbortController()
    const client = { baseUrl: new URL(basePath, location.href).href, fetch: watchedFetch, headers: csrfHeader }
    // It ends with the signal and tells what happens by `liveStatus`; there is nothing to wait for.
    void followInventory({
      store: inventory,
      status: liveStatus,
      client,
      signal: stop.signal,
      onPermissions: () => void loadSession(),
    })
    return () => stop.abort(new Error('The page has gone.'))
  }, [isIn])
}

/** All objects of a type; the component follows them. */
export function useAll<T extends InventoryType>(type: T): readonly InventoryObject<T>[] {
  return useSyncExternalStore(inventory.subscribe, () => inventory.all(type))
}

/** One object; the component follows it. */
export function useObject<T extends InventoryType>(type: T, id: string): InventoryObject<T> | undefined {
  return useSyncExternalStore(inventory.subscribe, () => inventory.get(type, id))
}

/** The name of an object; the component follows it. */
export function useName(id: string | undefined): string | undefined {
  return useSyncExternalStore(inventory.subscribe, () => (id === undefined ? undefined : inventory.nameOf(id)))
}

/** Whether a task still goes on. */
export function isActive({ state }: Task): boolean {
  return state === 'pending' || state === 'running' || state === 'cancelling'
}

/** Made once for each state of the tasks: every row asks. */
const activities = new WeakMap<readonly Task[], ReadonlyMap<string, Task>>()

/** What is being done now, by the object that it is done with. */
export function useActivity(): ReadonlyMap<string, Task> {
  const tasks = useAll('task')
  let activity = activities.get(tasks)
  if (!activity) {
    activity = new Map(tasks.filter(isActive).flatMap((task) => task.on.map((id) => [id, task] as const)))
    activities.set(tasks, activity)
  }
  return activity
}
