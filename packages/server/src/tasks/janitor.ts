import { messageOf, type Clock, type Log } from '@nixen/core'
import type { ConnectionId } from '@nixen/api'
import type { Inventory } from '../inventory/inventory.ts'
import type { UndoJournal } from './undo-journal.ts'

export interface JanitorPorts {
  readonly inventory: Inventory
  readonly journal: UndoJournal
  readonly clock: Clock
  readonly log: Log
}

/** Milliseconds between two attempts on connections that are up: what could not be undone may be possible later. */
const again = 10 * 60 * 1000
/** Milliseconds between two looks for what is undone a second time. */
const soon = 10_000

/** Undoes what interrupted and failed tasks have left, as soon as their connection is there, and now and then after that. */
export function startJanitor({ inventory, journal, clock, log }: JanitorPorts): AsyncDisposable {
  const stop = new AbortController()
  /** One after the other for a connection; a slow one does not keep the others waiting. */
  const working = new Map<ConnectionId, Promise<unknown>>()
  const clean = (connection: ConnectionId): void => {
    const before = working.get(connection) ?? Promise.resolve()
    const next = before
      .then(async () => (stop.signal.aborted ? [] : await journal.clean(connection)))
      .catch((error: unknown) => log.error('the janitor failed', { connection, error: messageOf(error) }))
    working.set(connection, next)
  }
  const unsubscribe = inventory.subscribe(({ type, before, after }) => {
    if (type !== 'connection' || !after || !('state' in after) || after.state !== 'connected') return
    if (before && 'state' in before && before.state === 'connected') return
    clean(after.id)
  })
  const rounds = (async () => {
    for (let at = soon; ; at += soon) {
      await clock.sleep(soon, { signal: stop.signal })
      const all = at % again === 0
      for (const { id, state } of inventory.all('connection')) {
        if (state === 'connected' && (all || (await journal.isDue(id)))) clean(id)
      }
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) log.error('the janitor stopped', { error: messageOf(error) })
  })
  return {
    async [Symbol.asyncDispose]() {
      unsubscribe()
      stop.abort()
      await rounds
      await Promise.all(working.values())
    },
  }
}
