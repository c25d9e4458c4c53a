import { sessionOf } from '../dispatch/call.ts'
import { CustomResult, methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import { eventBatchType } from '../events/events.ts'

/** Longest wait of one call, milliseconds: clients ask for a minute. */
const longestWait = 3_600_000

export const event: MethodSet = methods('event', {
  async from(call, classes, token, timeout) {
    const { ref } = sessionOf(call)
    const batch = await call.pool.events.from(classes, token, {
      timeout: Math.min(longestWait, Math.max(0, timeout * 1000)),
      signal: call.hungUp,
      check: () => {
        if (!call.pool.sessions.has(ref)) throw fault('SESSION_INVALID', ref)
      },
    })
    // The data model declares a record of events; hosts send the batch.
    return new CustomResult(eventBatchType, batch) as never
  },

  inject(call, class_, ref) {
    const row = call.db.anyRow(ref)
    // The class is spelled as in the API here, unlike in events.
    if (row?.cls.name !== class_) throw fault('HANDLE_INVALID', class_, ref)
    // Of the moment before, so that a reader that starts there gets the event.
    const token = call.pool.events.token()
    call.db.touch(ref)
    return token
  },

  get_current_id(call) {
    return call.db.generation
  },
})
