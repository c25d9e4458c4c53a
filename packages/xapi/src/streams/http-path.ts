import type { IncomingMessage } from 'node:http'
import { xapiErrors } from '../errors.ts'
import type { Login } from '../session/master-link.ts'
import { atHost, type Endpoint } from '../transport/endpoint.ts'

/** Values of a query; absent ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined | null>>

/** Path with its query. The session is never part of it: it goes in a cookie, which logs and redirections do not repeat. */
export function pathWith(path: string, query: Query): string {
  const parts = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`
}

export function sessionCookie({ ref }: Login): { Cookie: string } {
  return { Cookie: `session_id=${ref}` }
}

/** Another host for the same request. */
export interface Redirection {
  readonly endpoint: Endpoint
  readonly path: string
}

/**
 * Where a 302 leads. Hosts name another one by `https://<address>` and keep path and query. The protocol stays what it was, so that no answer can
 * take the session to an unprotected connection, and so does the port unless another one is named.
 */
export function redirectionOf(response: IncomingMessage, from: Redirection): Redirection | undefined {
  if (response.statusCode !== 301 && response.statusCode !== 302 && response.statusCode !== 307) return undefined
  const location = URL.parse(response.headers.location ?? '', 'https://invalid.')
  if (!location || location.hostname === 'invalid.') {
    throw xapiErrors.bad_answer({
      expected: 'the address of another host',
      got: response.headers.location ?? 'nothing',
      at: from.path,
    })
  }
  const endpoint = atHost(from.endpoint, location.hostname)
  const port = location.port === '' ? endpoint.port : Number(location.port)
  return { endpoint: { ...endpoint, port }, path: location.pathname + location.search }
}

/** How many hosts a request may be sent on by. */
export const maxRedirections = 5
