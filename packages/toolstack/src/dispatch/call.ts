import type { Database } from '../db/database.ts'
import type { Ref } from '../generated/rows.ts'
import type { Pool } from '../pool/pool.ts'
import type { SessionState } from '../session/sessions.ts'
import type { TaskHandle } from '../tasks/tasks.ts'

/** What a handler gets beside the parameters of its message. */
export interface Call {
  readonly pool: Pool
  readonly db: Database
  /** The host that was asked. */
  readonly host: Ref<'host'>
  /** Who asks; only absent for the messages that log in. */
  readonly session: SessionState | undefined
  readonly task: TaskHandle
  /** Aborted when the client hangs up. Only for what waits: other work goes on without it, as on a host. */
  readonly hungUp: AbortSignal
  /** `Class.message`. */
  readonly method: string
}

/** The session of a call that needs one. */
export function sessionOf(call: Call): SessionState {
  if (!call.session) throw new TypeError(`${call.method} has no session`)
  return call.session
}
