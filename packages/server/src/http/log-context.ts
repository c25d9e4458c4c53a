import { AsyncLocalStorage } from 'node:async_hooks'

/** Which request or task a line of the log belongs to. */
export interface LogContext {
  readonly request?: string
  readonly task?: string
}

/** What runs inside of `run` writes these ids into every line that it logs, however deep. What outlives the request is begun in a `run` of its own. */
export const logContext = new AsyncLocalStorage<LogContext>()
