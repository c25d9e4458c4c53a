import type { IncomingMessage } from 'node:http'
import { isXapiError, XapiError } from '@nixen/xapi'
import type { Ref } from '../generated/rows.ts'
import type { Pool } from '../pool/pool.ts'
import { roleAllows } from '../session/roles.ts'
import type { SessionState } from '../session/sessions.ts'
import { sendText, type HttpExchange } from './http-exchange.ts'

/** Who sent an HTTP request. A session made for Basic credentials ends with the request. */
export interface HttpIdentity {
  readonly session: SessionState
  end(): void
}

/** A value from the cookies, or else from the query, as the host looks. */
export function requestValue(request: IncomingMessage, query: URLSearchParams, name: string): string | undefined {
  return cookies(request).get(name) ?? query.get(name) ?? undefined
}

function cookies(request: IncomingMessage): Map<string, string> {
  const pairs = (request.headers.cookie ?? '').split(/;\s*/).map((pair): [string, string] => {
    const equals = pair.indexOf('=')
    return [pair.slice(0, equals).trim(), decode(pair.slice(equals + 1).trim())]
  })
  return new Map(pairs)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not encoded: a session reference needs no encoding.
    return text
  }
}

/**
 * Finds who sent a request: `session_id` in a cookie, then in the query, then Basic credentials. Answers 401 or 403 itself, fails the request's
 * task, and resolves to `undefined`, when it is nobody or their role does not allow it.
 */
export function authenticate(
  pool: Pool,
  { request, response, query, host }: HttpExchange,
  { permission, minRole }: { permission: string; minRole: string },
): HttpIdentity | undefined {
  const identity = identify(pool, request, query, host)
  const task = requestValue(request, query, 'task_id')
  if (!identity) {
    failTask(pool, task, ['SESSION_AUTHENTICATION_FAILED'])
    sendText(response, 401, 'Log in first.', { 'www-authenticate': 'Basic realm="toolstack"', connection: 'close' })
    return undefined
  }
  if (roleAllows(pool.db.model, identity.session.role, minRole)) return identity
  failTask(pool, task, ['RBAC_PERMISSION_DENIED', `http/${permission}`, 'No permission in user session'])
  sendText(response, 403, `This needs the role ${minRole}.`, { connection: 'close' })
  identity.end()
  return undefined
}

function identify(
  pool: Pool,
  request: IncomingMessage,
  query: URLSearchParams,
  host: Ref<'host'>,
): HttpIdentity | undefined {
  const sessionRef = requestValue(request, query, 'session_id')
  if (sessionRef !== undefined) {
    const session = pool.sessions.find(sessionRef)
    return session && { session, end: () => undefined }
  }
  const basic = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? '')
  if (!basic) return undefined
  const text = Buffer.from(basic[1] ?? '', 'base64').toString()
  const colon = text.indexOf(':')
  const who = pool.sessions.identify(text.slice(0, colon), text.slice(colon + 1))
  if (isXapiError(who)) return undefined
  const ref = pool.sessions.open(who, { originator: 'http', host })
  return { session: pool.sessions.check(ref), end: () => pool.sessions.close(ref) }
}

function failTask(pool: Pool, task: string | undefined, [code, ...params]: readonly [string, ...string[]]): void {
  // Any text may come here; only a task that exists is failed.
  const ref = task as Ref<'task'> | undefined
  if (ref === undefined || !pool.db.find('task', ref)) return
  pool.tasks.fail(ref, new XapiError(code, params))
  pool.db.commit()
}
