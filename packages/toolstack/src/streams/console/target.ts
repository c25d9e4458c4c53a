import { fault } from '../../errors.ts'
import type { Enums, Ref } from '../../generated/rows.ts'
import type { Pool } from '../../pool/pool.ts'
import { authenticate, type HttpIdentity } from '../../wire/http-auth.ts'
import { sendText, type HttpExchange } from '../../wire/http-exchange.ts'
import { isXapiError } from '@nixen/xapi'
import { namedObject } from '../objects.ts'

/** A console that may be shown by the host that was asked. */
export interface ConsoleTarget {
  readonly vm: Ref<'VM'>
  readonly protocol: Enums['console_protocol']
  /** What is counted when only one may look at a console. */
  readonly name: string
  readonly identity: HttpIdentity
}

/**
 * Finds the console that a request names by a console's or a machine's reference or UUID, and checks who asks. Answers itself, and gives back
 * `undefined`, when there is nothing to show: 401, 403, 404, 302 to the host where the machine runs, 503 when somebody looks at it already.
 */
export function consoleTarget(pool: Pool, exchange: HttpExchange, action: string): ConsoleTarget | undefined {
  const { response, request, query, host } = exchange
  const model = pool.db.model.httpActions.find(({ name }) => name === action)
  if (!model) throw new TypeError(`No HTTP action ${action} in the data model`)
  const identity = authenticate(pool, exchange, { permission: action, minRole: model.minRole })
  if (!identity) return undefined
  let accepted = false
  try {
    const { vm, protocol } = consoleOf(pool, query)
    const { power_state, resident_on, is_control_domain } = pool.db.get('VM', vm)
    if (is_control_domain && !mayUseHost(pool, exchange, action)) return undefined
    if (power_state !== 'Running') throw fault('VM_BAD_POWER_STATE', vm, 'running', power_state.toLowerCase())
    if (resident_on !== host) {
      const { address } = pool.db.get('host', resident_on)
      const scheme = 'encrypted' in request.socket ? 'https' : 'http'
      const location = `${scheme}://${address}:${request.socket.localPort}${request.url ?? ''}`
      sendText(response, 302, 'The VM runs on another host.', { location, connection: 'close' })
      return undefined
    }
    accepted = true
    return { vm, protocol, name: `${vm}/${protocol}`, identity }
  } catch (error) {
    if (!isXapiError(error)) throw error
    sendText(response, 404, [error.code, ...error.params].join(' '), { connection: 'close' })
    return undefined
  } finally {
    if (!accepted) identity.end()
  }
}

/** Refuses a second viewer of a console where the pool allows one only. */
export function isTaken(pool: Pool, { name }: ConsoleTarget, { response }: HttpExchange): boolean {
  const [limited] = [...pool.db.rows('pool')].map(({ values }) => values.limit_console_sessions)
  if (limited !== true || pool.screens.viewers(name) === 0) return false
  sendText(response, 503, 'Somebody else looks at this console.', { connection: 'close' })
  return true
}

/** Whether the machine still runs on the host that shows it. */
export function isShownBy({ db }: Pool, vm: Ref<'VM'>, host: Ref<'host'>): boolean {
  const row = db.find('VM', vm)
  return row?.power_state === 'Running' && row.resident_on === host
}

/** The screen of a host is for administrators of the pool. */
function mayUseHost(pool: Pool, exchange: HttpExchange, action: string): boolean {
  const part = action === 'connect_console_ws' ? 'host_console_ws' : 'host_console'
  const identity = authenticate(pool, exchange, { permission: `${action}/${part}`, minRole: 'pool-admin' })
  identity?.end()
  return identity !== undefined
}

function consoleOf({ db }: Pool, query: URLSearchParams): Pick<ConsoleTarget, 'vm' | 'protocol'> {
  const name = query.get('ref') ?? query.get('uuid') ?? ''
  // Any text may come here; `find` says whether it is the reference of a console.
  const ref = db.find('console', name as Ref<'console'>) ? (name as Ref<'console'>) : db.findUuid('console', name)
  if (ref !== undefined) {
    const { VM, protocol } = db.get('console', ref)
    return { vm: VM, protocol }
  }
  return { vm: namedObject(db, 'VM', name), protocol: 'rfb' }
}
