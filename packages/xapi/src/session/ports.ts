import type { XapiRequest } from '../client/caller.ts'
import type { HttpClient } from '../transport/http-client.ts'
import type { Login } from './master-link.ts'
import type { XapiTimeouts } from './options.ts'

/** A call as the parts of this package make it. */
export interface SessionCall extends XapiRequest {
  /** A long poll: has its own connection and takes no place among the calls. */
  readonly poll?: boolean
  /** Only on the session that answered with this epoch: on a later one the call fails with `xapi.moved`. */
  readonly epoch?: number
}

/** A result, and the epoch of the session that it came from; see {@link Login.epoch}. */
export interface SessionAnswer {
  readonly result: unknown
  readonly epoch: number
}

/** What the streams need of a session. */
export interface StreamContext {
  readonly http: HttpClient
  readonly timeouts: XapiTimeouts
  login(options: { signal?: AbortSignal | undefined }): Promise<Login>
}
