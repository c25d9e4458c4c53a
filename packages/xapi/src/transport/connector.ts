import { once } from 'node:events'
import { Agent, type AgentOptions, type ClientRequestArgs } from 'node:http'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { isAppError, messageOf } from '@nixen/core'
import { xapiErrors } from '../errors.ts'
import { endpointText, type Endpoint } from './endpoint.ts'
import type { TrustStore } from './trust.ts'

export interface ConnectOptions {
  readonly trust: TrustStore
  /** Milliseconds for TCP and TLS together, the question to a `learn` user not counted. */
  readonly timeout: number
  readonly signal?: AbortSignal | undefined
}

/** A silent connection is probed after this many milliseconds: a host that was cut off and came back has forgotten it. */
const probeAfter = 4000

/**
 * Opens a connection that may be written to: the certificate is checked before the caller gets the socket, so no credential reaches a host that
 * is not trusted.
 *
 * @throws xapi.unreachable when nothing answers in time, xapi.certificate_untrusted
 */
export async function openSocket(endpoint: Endpoint, options: ConnectOptions): Promise<Socket> {
  const { trust, timeout, signal } = options
  const deadline = AbortSignal.timeout(timeout)
  const stop = signal ? AbortSignal.any([signal, deadline]) : deadline
  const { host, port } = endpoint
  const socket = endpoint.protocol === 'http:' ? connectTcp({ host, port, noDelay: true }) : startTls(endpoint, options)
  try {
    await once(socket, endpoint.protocol === 'http:' ? 'connect' : 'secureConnect', { signal: stop })
    if (isTls(socket)) await trust.check(endpoint, socket)
    if (socket.destroyed) throw new Error('the connection was closed')
    return socket.setKeepAlive(true, probeAfter)
  } catch (error) {
    // An error that comes after this one has nobody left to hear it.
    socket.on('error', () => undefined)
    socket.destroy()
    if (signal?.aborted) throw signal.reason
    if (isAppError(error)) throw error
    const reason = deadline.aborted ? `no connection within ${timeout} ms` : messageOf(error)
    throw xapiErrors.unreachable({ host: endpointText(endpoint), reason }, { cause: error })
  }
}

function startTls({ host, port }: Endpoint, { trust: { trust } }: ConnectOptions): TLSSocket {
  const ca = trust.kind === 'ca' ? trust.ca : undefined
  const authorities = ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }
  const name = isIP(host) ? {} : { servername: host }
  // Node only notes what it thinks of the certificate; `TrustStore.check` decides, in every mode, before the socket is handed out. So the
  // error can name the fingerprint that was seen, and a pinned certificate may sign itself.
  const options: ConnectionOptions = { host, port, rejectUnauthorized: false, ...name, ...authorities }
  return connectTls(options).setNoDelay(true)
}

function isTls(socket: Socket): socket is TLSSocket {
  return 'getPeerCertificate' in socket
}

/** Agent of `node:http` whose connections are opened by {@link openSocket}, for both protocols. */
export class TrustedAgent extends Agent {
  readonly #endpoint: Endpoint
  readonly #connect: ConnectOptions

  constructor(endpoint: Endpoint, connect: ConnectOptions, options: AgentOptions) {
    super(options)
    this.#endpoint = endpoint
    this.#connect = connect
  }

  override createConnection(_: ClientRequestArgs, callback?: (error: Error | null, socket: Duplex) => void): undefined {
    void this.#open(callback ?? (() => undefined))
  }

  async #open(callback: (error: Error | null, socket: Duplex) => void): Promise<void> {
    const opened = await openSocket(this.#endpoint, this.#connect).catch((error: unknown) => ({ error }))
    // Node's types want a socket beside an error; its code does not.
    if ('error' in opened) callback(opened.error as Error, undefined as unknown as Duplex)
    else callback(null, opened)
  }
}
