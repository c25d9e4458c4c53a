import type { Clock } from '@nixen/core'
import type { Database } from '../db/database.ts'
import type { WireType } from '../model/wire-type.ts'
import { collectEvents, validRefCounts, type EventRecord } from './collect.ts'
import { formatToken, parseSubscription, parseToken, type EventToken } from './subscription.ts'

/** What `event.from` answers. */
export interface EventBatch {
  readonly events: readonly EventRecord[]
  readonly valid_ref_counts: Readonly<Record<string, number>>
  readonly token: string
}

const text: WireType = { kind: 'string' }

/** The shape of events on the wire: the data model's `record:event` is not what hosts send. */
export const eventListType: WireType = {
  kind: 'set',
  of: {
    kind: 'struct',
    members: {
      id: text,
      timestamp: text,
      class: text,
      operation: text,
      ref: text,
      snapshot: { kind: 'record', class: '*' },
    },
  },
}

/** The shape of {@link EventBatch} on the wire. */
export const eventBatchType: WireType = {
  kind: 'struct',
  members: {
    events: eventListType,
    valid_ref_counts: { kind: 'map', key: text, value: { kind: 'int' } },
    token: text,
  },
}

/** A host waits this long before and between looks, in milliseconds, so that changes that come together go out together. */
const batchWait = 50

/** Answers readers of events from the changes of the database. */
export class Events {
  readonly #db: Database
  readonly #clock: Clock
  readonly #waits: boolean
  #waiters = new Set<() => void>()

  constructor(options: { db: Database; clock: Clock; waits: boolean }) {
    this.#db = options.db
    this.#clock = options.clock
    this.#waits = options.waits
    this.#db.onChange(() => this.#wake())
  }

  /** The events after `token`; waits for one, up to `timeout` milliseconds. `check` runs before each look and throws to end the wait. */
  async from(
    classes: readonly string[],
    token: string,
    options: { timeout: number; signal: AbortSignal; check: () => void },
  ): Promise<EventBatch> {
    const subscription = parseSubscription(classes)
    const since = parseToken(token)
    const end = this.#clock.monotonic() + options.timeout
    if (this.#waits && !subscription.tasksOnly) await this.#clock.sleep(batchWait, options)
    for (;;) {
      options.check()
      this.#db.settle()
      // Made at one moment with the events, so that nothing is skipped.
      const now = this.#now()
      const events = collectEvents(this.#db, subscription, since)
      const left = end - this.#clock.monotonic()
      if (events.length > 0 || left <= 0) {
        return { events, valid_ref_counts: validRefCounts(this.#db), token: formatToken(now) }
      }
      await this.#changeOrTimeout(left, options.signal)
      if (this.#waits) await this.#clock.sleep(Math.min(batchWait, Math.max(0, end - this.#clock.monotonic())), options)
    }
  }

  /** The token of this moment. */
  token(): string {
    return formatToken(this.#now())
  }

  #now(): EventToken {
    return { rows: this.#db.generation, messages: this.#db.generation }
  }

  async #changeOrTimeout(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiters.delete(done)
        signal.removeEventListener('abort', abort)
        resolve()
      }
      const abort = (): void => {
        done()
        reject(signal.reason as Error)
      }
      const timer = setTimeout(done, ms)
      this.#waiters.add(done)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  /** Wakes readers after the running code is done, so that what changes in one go is seen in one go. */
  #wake(): void {
    if (this.#waiters.size === 0) return
    const waiters = this.#waiters
    this.#waiters = new Set()
    setImmediate(() => {
      for (const wake of waiters) wake()
    })
  }
}
