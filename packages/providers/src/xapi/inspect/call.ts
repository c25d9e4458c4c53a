import { connectionErrors } from '@nixen/api'
import type { Xapi } from '@nixen/xapi'
import type { NativeCall } from '../../inspect/inspect.ts'
import { plain } from '../native.ts'

/** Classes whose records are secrets. */
const secret: ReadonlySet<string> = new Set(['secret', 'session', 'user'])
/** Fields that hold them elsewhere, and messages that give them out or work although they begin with `get_`. */
const guarded = /device_config|password|secret|get_pool_metadata|get_data_sources|get_log$/i

/** Sends a message of XAPI. Only what reads, unless it may change something. @throws connection.unsupported, XapiError */
export async function nativeCall(xapi: Xapi, { method, args, write }: NativeCall): Promise<unknown> {
  if (!write) demandReading(method)
  const params = await Promise.all(args.map(async (arg) => await resolved(xapi, arg)))
  return plain(await xapi.call(method, params, { session: true }))
}

function demandReading(method: string): void {
  const [className = '', message = ''] = method.split('.')
  const reads = message.startsWith('get_') && !secret.has(className) && !guarded.test(message)
  // A record of a PBD has the password of its storage in `device_config`.
  if (reads && !(className === 'PBD' && /record/.test(message))) return
  throw connectionErrors.unsupported({
    action: method,
    reason: 'it may change something or give out a secret. Say "write" to send it all the same.',
  })
}

/** `uuid:VM:6f1c…` as the reference that calls want. */
async function resolved(xapi: Xapi, arg: unknown): Promise<unknown> {
  if (typeof arg !== 'string') return arg
  const [, className, uuid] = /^uuid:([A-Za-z_]+):([0-9a-f-]{36})$/.exec(arg) ?? []
  if (className === undefined || uuid === undefined) return arg
  return await xapi.call(`${className}.get_by_uuid`, [uuid], { session: true })
}
