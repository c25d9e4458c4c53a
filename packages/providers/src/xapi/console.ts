import { connectionErrors, consoleErrors, typeOfId, type ConsoleProtocol, type ResourceId } from '@nixen/api'
import { isAppError, messageOf } from '@nixen/core'
import { isXapiError, openConsole, vmScreenshot, type Ref, type Xapi } from '@nixen/xapi'
import type { ConsoleOptions, ConsoleOwner, ConsoleStream, ProviderConsoles, Screenshot } from '../console/console.ts'
import { refOf, type PoolContext } from './actions/context.ts'
import { connectionError, type ErrorPlace } from './errors.ts'

const protocolOf = { vnc: 'rfb', text: 'vt100' } as const satisfies Record<ConsoleOptions['kind'], ConsoleProtocol>

/** Consoles of a pool, by the HTTP CONNECT of the host that a machine runs on. A host's console is that of its control domain. */
export function xapiConsoles(context: PoolContext, place: ErrorPlace): ProviderConsoles {
  const asked = async <T>(id: ConsoleOwner, work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      signal?.throwIfAborted()
      throw refusal(error, id, place)
    }
  }
  return {
    find: async (id, options) =>
      await asked(id, async () => (await findConsole(context, id, options)).protocol, options.signal),
    open: async (id, options) => await asked(id, async () => await open(context, id, options), options.signal),
    screenshot: async (id, { signal }) => await asked(id, async () => await screenshot(context, id, signal), signal),
  }
}

/** First bytes of a PNG (PNG specification, 5.2); all else that hosts send is JPEG. */
const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47)

async function screenshot(context: PoolContext, id: ResourceId<'vm'>, signal: AbortSignal | undefined) {
  const vm = await refOf(context, id, 'VM')
  const bytes = await vmScreenshot(context.xapi, await context.xapi.client.VM.get_uuid(vm), { signal })
  const type: Screenshot['type'] = png.every((byte, at) => bytes[at] === byte) ? 'image/png' : 'image/jpeg'
  return { type, bytes }
}

async function open(context: PoolContext, id: ConsoleOwner, options: ConsoleOptions): Promise<ConsoleStream> {
  try {
    return await openOnce(context, id, options)
  } catch (error) {
    // It moved to another host between the two questions, and has another console there.
    if (!isMoved(error)) throw error
    return await openOnce(context, id, options)
  }
}

async function openOnce(context: PoolContext, id: ConsoleOwner, options: ConsoleOptions): Promise<ConsoleStream> {
  const { signal } = options
  const { console, protocol } = await findConsole(context, id, options)
  const { stream } = await openConsole(context.xapi, console, signal ? { signal } : {})
  // Whoever reads it learns of its end; until then nobody listens, and an error without a listener ends the process.
  stream.on('error', () => undefined)
  return { protocol, bytes: stream }
}

interface Found {
  readonly console: Ref<'console'>
  readonly protocol: ConsoleProtocol
}

async function findConsole(context: PoolContext, id: ConsoleOwner, options: ConsoleOptions): Promise<Found> {
  const { kind, signal } = options
  const { client } = signal ? { client: context.xapi.client.with({ signal }) } : context.xapi
  const domain = await domainOf(context, id, client)
  if (domain === null) throw consoleErrors.none({ id, kind, reason: 'It has no control domain.' })
  const consoles = await client.VM.get_consoles(domain)
  const wanted = protocolOf[kind]
  const others: string[] = []
  for (const console of consoles) {
    const protocol = await client.console.get_protocol(console)
    if (protocol === wanted) return { console, protocol: wanted }
    others.push(protocol)
  }
  const reason = others.length === 0 ? 'The host offers none.' : `The host offers ${others.join(' and ')} only.`
  throw consoleErrors.none({ id, kind, reason })
}

async function domainOf(context: PoolContext, id: ConsoleOwner, client: Xapi['client']): Promise<Ref<'VM'> | null> {
  if (!isHost(id)) return await refOf(context, id, 'VM')
  return await client.host.get_control_domain(await refOf(context, id, 'host'))
}

function isHost(id: ResourceId): id is ResourceId<'host'> {
  return typeOfId(id) === 'host'
}

/** A host answers 302 or 404 when the machine does not run there, or not at all. */
function isMoved(error: unknown): boolean {
  const status = statusOf(error)
  return status === 302 || status === 404 || isXapiError(error, 'HANDLE_INVALID')
}

/** The contract's error for what a host answers to a CONNECT, and for what its calls are refused with. */
function refusal(error: unknown, id: ConsoleOwner, place: ErrorPlace): unknown {
  const { address, username } = place
  if (isMoved(error)) return consoleErrors.not_shown({ id }, { cause: error })
  switch (statusOf(error)) {
    case undefined:
      return connectionError(error, place)
    case 503:
      return consoleErrors.in_use({ id }, { cause: error })
    case 401:
    case 403:
      return connectionErrors.forbidden({ address, username, action: 'console' }, { cause: error })
    default:
      return connectionErrors.bad_answer({ address, what: 'a console', reason: messageOf(error) }, { cause: error })
  }
}

function statusOf(error: unknown): number | undefined {
  return isAppError(error, 'xapi.http_status') ? Number(error.details['status']) : undefined
}
