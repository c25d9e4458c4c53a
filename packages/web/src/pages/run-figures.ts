import type { RunItem } from '@nixen/api'

/** What has to be done at least, and how long it has to have gone on, in milliseconds, before its end is foretold. */
const least = { progress: 0.02, time: 3000 }

/** Milliseconds until something is done that goes on as it did; `undefined` while nobody can tell. */
export function remaining({
  started,
  progress,
  now,
}: {
  readonly started: number
  /** From 0 to 1. */
  readonly progress: number
  readonly now: number
}): number | undefined {
  const took = now - started
  if (progress < least.progress || progress > 1 || took < least.time) return undefined
  return Math.ceil(((took / progress) * (1 - progress)) / 1000) * 1000
}

/** How much of a run is done, from 0 to 1: each object counts the same, those that are worked on as far as their tasks are. */
export function progressOf(
  items: readonly Pick<RunItem, 'state' | 'task'>[],
  progress: ReadonlyMap<string, number>,
): number {
  const parts = items.map(({ state, task }) => {
    if (state === 'waiting') return 0
    return state === 'running' ? (progress.get(task ?? '') ?? 0) : 1
  })
  return parts.length === 0 ? 0 : parts.reduce((sum, part) => sum + part, 0) / parts.length
}
