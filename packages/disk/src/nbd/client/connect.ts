import { connect, type Socket } from 'node:net'
import { isAppError, messageOf, systemCode, type Clock } from '@nixen/core'
import { addressText, netOptions, type NbdAddress } from '../address.ts'
import { nbdErrors } from '../errors.ts'
import { NbdConnection } from './connection.ts'
import { ClientHandshake, type NbdListEntry } from './handshake.ts'
import { Intake } from '../socket-reader.ts'
import type { NbdClientTls } from './tls.ts'

/** How to reach a server. */
export type NbdConnectOptions = NbdAddress & {
  /** With it only a connection with TLS is used. */
  readonly tls?: NbdClientTls | undefined
  /** Longest time in milliseconds to connect and agree; 15,000 when left out. */
  readonly connectTimeout?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const defaultConnectTimeout = 15_000

/** Connects, negotiates one export, and starts the transmission phase. */
export function openConnection(
  options: NbdConnectOptions & {
    readonly exportName: string
    readonly contexts: readonly string[]
    readonly timeout: number
    readonly clock: Clock
  },
): Promise<NbdConnection> {
  const where = addressText(options, options.exportName)
  return withHandshake(options, where, async (handshake) => {
    const agreed = await handshake.open(options.exportName, options.contexts)
    return new NbdConnection(agreed, { where, timeout: options.timeout, clock: options.clock })
  })
}

/** The exports that a server names. */
export function listNbdExports(options: NbdConnectOptions): Promise<NbdListEntry[]> {
  return withHandshake(options, addressText(options), async (handshake) => {
    const entries = await handshake.list()
    handshake.abort()
    return entries
  })
}

/** Metadata contexts of an export: `base:allocation`, `qemu:dirty-bitmap:…`. All that the server tells, or those that match `queries`. */
export function listNbdContexts(
  options: NbdConnectOptions & { readonly exportName?: string; readonly queries?: readonly string[] },
): Promise<string[]> {
  const { exportName = '', queries = [] } = options
  return withHandshake(options, addressText(options, exportName), async (handshake) => {
    const names = await handshake.listContexts(exportName, queries)
    handshake.abort()
    return names
  })
}

async function withHandshake<T>(
  options: NbdConnectOptions,
  where: string,
  work: (handshake: ClientHandshake) => Promise<T>,
): Promise<T> {
  const { connectTimeout = defaultConnectTimeout, signal } = options
  signal?.throwIfAborted()
  // TLS reads from the socket itself.
  const intake = options.tls ? undefined : new Intake()
  const socket = connect({ ...netOptions(options), ...(intake ? { onread: intake.onread } : {}) })
  socket.setNoDelay(true)
  const timer = setTimeout(() => socket.destroy(nbdErrors.timeout({ where, ms: connectTimeout })), connectTimeout)
  // Errors without a listener would end the process; the reads of the handshake see them too.
  let failure: unknown
  socket.on('error', (error) => (failure ??= error))
  const onAbort = (): void => void socket.destroy()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    await connected(socket, where)
    const handshake = new ClientHandshake(socket, where, intake)
    await handshake.greet(options.tls, 'host' in options ? options.host : undefined)
    return await work(handshake)
  } catch (error) {
    socket.destroy()
    if (signal?.aborted) throw signal.reason
    throw explain(isAppError(failure) ? failure : error, where)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

function connected(socket: Socket, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve())
    socket.once('error', (cause) => {
      reject(isAppError(cause) ? cause : nbdErrors.unreachable({ where }, { cause }))
    })
    socket.once('close', () => reject(nbdErrors.unreachable({ where })))
  })
}

/** Errors of the socket during the negotiation (a reset, a broken pipe) as errors of NBD. */
function explain(error: unknown, where: string): unknown {
  if (isAppError(error)) return error
  if (systemCode(error) !== undefined) return nbdErrors.disconnected({ where }, { cause: error })
  return nbdErrors.protocol({ where, problem: messageOf(error) }, { cause: error })
}
