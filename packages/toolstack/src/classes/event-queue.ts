import { sessionOf, type Call } from '../dispatch/call.ts'
import { CustomResult, methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import { parseSubscription } from '../events/subscription.ts'
import { eventListType } from '../events/events.ts'
import type { Pool } from '../pool/pool.ts'

/** What a session of the old scheme (`event.register`, `event.next`) wants, and how far it has read. */
interface Queue {
  classes: Set<string>
  token: string
}

const queuesOfPools = new WeakMap<Pool, Map<string, Queue>>()

/** By session. */
function queuesOf({ pool }: Call): Map<string, Queue> {
  const queues = queuesOfPools.get(pool) ?? new Map<string, Queue>()
  queuesOfPools.set(pool, queues)
  return queues
}

function queueOf(call: Call): Queue {
  const { ref } = sessionOf(call)
  const queue = queuesOf(call).get(ref)
  if (!queue) throw fault('SESSION_NOT_REGISTERED', ref)
  return queue
}

/** How long `event.next` waits at the most before it looks whether its session is still there, milliseconds. */
const look = 30_000

export const eventQueue: MethodSet = methods('event', {
  register(call, classes) {
    parseSubscription(classes)
    const { ref } = sessionOf(call)
    const queues = queuesOf(call)
    for (const session of queues.keys()) if (!call.pool.sessions.has(session)) queues.delete(session)
    const queue = queues.get(ref) ?? { classes: new Set<string>(), token: call.pool.events.token() }
    for (const cls of classes) queue.classes.add(cls.toLowerCase())
    queues.set(ref, queue)
  },

  unregister(call, classes) {
    const queue = queueOf(call)
    for (const cls of classes) queue.classes.delete(cls.toLowerCase())
    if (queue.classes.size === 0) queuesOf(call).delete(sessionOf(call).ref)
  },

  async next(call) {
    const queue = queueOf(call)
    const { ref } = sessionOf(call)
    for (;;) {
      const { events, token } = await call.pool.events.from([...queue.classes], queue.token, {
        timeout: look,
        signal: call.hungUp,
        check: () => {
          if (!call.pool.sessions.has(ref)) throw fault('SESSION_INVALID', ref)
        },
      })
      queue.token = token
      if (events.length > 0) return new CustomResult(eventListType, events) as never
    }
  },
})
