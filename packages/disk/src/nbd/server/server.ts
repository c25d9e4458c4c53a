import { rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { messageOf, MiB, silentLog, systemCode, type Log } from '@nixen/core'
import { addressText, netOptions, type NbdAddress } from '../address.ts'
import { nbdErrors } from '../errors.ts'
import { BufferPool } from './buffer-pool.ts'
import { ByteBudget } from './byte-budget.ts'
import { fixedExports, type NbdExport, type NbdExports, type NbdPeer } from './exports.ts'
import { ServerNegotiation, type NbdSession } from './negotiation.ts'
import type { NbdServerTls } from './tls.ts'
import { Transmission } from './transmission.ts'

/** Bounds against clients that ask for too much. */
export interface NbdServerLimits {
  /** Connections at the same time; 64 when left out. More are closed at once. */
  readonly connections?: number | undefined
  /** Requests of one connection that are worked on at the same time; 64 when left out. The others wait in the client's socket. */
  readonly requestsInFlight?: number | undefined
  /** Bytes of requests and replies in memory: of one connection (64 MiB when left out), and of all (256 MiB). */
  readonly bytesPerConnection?: number | undefined
  readonly bytes?: number | undefined
  /** Milliseconds to get from connecting to an open export; 15,000 when left out. */
  readonly handshakeTimeout?: number | undefined
  /** Milliseconds for which a client may take no reply and send no payload that is due; 60,000 when left out. */
  readonly stallTimeout?: number | undefined
}

export interface ServeNbdOptions {
  /** Exports that stay the same, or a port that finds them by name. */
  readonly exports: readonly NbdExport[] | NbdExports
  /** A unix socket, or a TCP address; port 0 takes a free one. */
  readonly listen: NbdAddress
  /** With it clients must start TLS, unless it says `optional`. Required in practice on anything but a unix socket. */
  readonly tls?: NbdServerTls | undefined
  /** Says whether a client may see and open an export. Everybody may when left out. */
  readonly authorize?: ((exportName: string, peer: NbdPeer) => boolean | Promise<boolean>) | undefined
  readonly limits?: NbdServerLimits | undefined
  readonly log?: Log | undefined
}

/** A server that listens. Disposing closes it. */
export interface NbdServer extends AsyncDisposable {
  /** Where it listens, with the port it got. */
  readonly address: NbdAddress
  /** Connections that are open now. */
  readonly connections: number
  /** Takes no new connections and requests, answers what is under way for up to `grace` milliseconds (5,000 when left out), and ends. */
  close(options?: { readonly grace?: number }): Promise<void>
}

/** Serves disks to NBD clients (fixed newstyle negotiation, structured replies, block status, TLS). */
export async function serveNbd(options: ServeNbdOptions): Promise<NbdServer> {
  const running = new RunningServer(options)
  await running.listen()
  return running
}

interface Client {
  readonly raw: Socket
  transmission?: Transmission
  readonly ended: Promise<void>
}

class RunningServer implements NbdServer {
  readonly #options: ServeNbdOptions
  readonly #exports: NbdExports
  readonly #log: Log
  readonly #server: Server
  readonly #clients = new Set<Client>()
  readonly #budget: ByteBudget
  readonly #pool: BufferPool
  #closing: Promise<void> | undefined

  constructor(options: ServeNbdOptions) {
    this.#options = options
    this.#exports = 'open' in options.exports ? options.exports : fixedExports(options.exports)
    this.#log = options.log ?? silentLog
    const bytes = options.limits?.bytes ?? 256 * MiB
    this.#budget = new ByteBudget(bytes)
    this.#pool = new BufferPool(bytes / 4)
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket))
    this.#server.maxConnections = options.limits?.connections ?? 64
  }

  get address(): NbdAddress {
    const { listen } = this.#options
    const bound = this.#server.address()
    if ('socketPath' in listen || bound === null || typeof bound === 'string') return listen
    return { host: listen.host, port: bound.port }
  }

  get connections(): number {
    return this.#clients.size
  }

  async listen(): Promise<void> {
    const { listen } = this.#options
    if ('socketPath' in listen) await removeStaleSocket(listen.socketPath)
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => {
        reject(nbdErrors.listen_failed({ where: addressText(listen), reason: messageOf(cause) }, { cause }))
      })
      this.#server.listen(netOptions(listen), () => resolve())
    })
    this.#server.on('error', (error) => this.#log.warn('the NBD server failed to accept', { error: messageOf(error) }))
  }

  close({ grace = 5000 }: { readonly grace?: number } = {}): Promise<void> {
    return (this.#closing ??= this.#close(grace))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(grace: number): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()))
    const clients = [...this.#clients]
    const force = setTimeout(() => {
      for (const { raw } of clients) raw.destroy()
    }, grace)
    await Promise.all(
      clients.map(async ({ raw, transmission, ended }) => {
        await transmission?.stop()
        raw.destroy()
        await ended
      }),
    )
    clearTimeout(force)
    await closed
  }

  #accept(raw: Socket): void {
    // What goes wrong on the socket also ends the reads, which is where it is handled.
    raw.on('error', () => undefined)
    if (this.#closing) return void raw.destroy()
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    const client: Client = { raw, ended }
    this.#clients.add(client)
    this.#serve(client)
      .catch((error: unknown) => this.#log.warn('an NBD connection failed', { error: messageOf(error) }))
      .finally(() => {
        raw.destroy()
        this.#clients.delete(client)
        resolve()
      })
  }

  async #serve(client: Client): Promise<void> {
    const { tls, authorize, limits } = this.#options
    const negotiation = new ServerNegotiation(client.raw, { exports: this.#exports, tls, authorize, log: this.#log })
    const deadline = setTimeout(() => client.raw.destroy(), limits?.handshakeTimeout ?? 15_000)
    let session: NbdSession | undefined
    try {
      session = await negotiation.run()
    } catch (error) {
      // A client that resets the connection is no news.
      if (systemCode(error) === undefined) throw error
    } finally {
      clearTimeout(deadline)
      await negotiation.release()
      if (!session) await endGently(negotiation.socket)
    }
    if (session) await this.#transmit(client, session)
  }

  async #transmit(client: Client, session: NbdSession): Promise<void> {
    const { limits } = this.#options
    const gone = new AbortController()
    session.socket.once('close', () => gone.abort())
    const transmission = new Transmission(session, {
      budget: this.#budget,
      pool: this.#pool,
      maxInFlight: limits?.requestsInFlight ?? 64,
      maxBytes: limits?.bytesPerConnection ?? 64 * MiB,
      log: this.#log,
      signal: gone.signal,
    })
    client.transmission = transmission
    // A client that stalls holds memory that others wait for. One that is only idle may stay.
    client.raw.setTimeout(limits?.stallTimeout ?? 60_000, () => {
      if (transmission.waitsForClient) client.raw.destroy()
    })
    const { name } = session.export
    this.#log.info('an NBD client opened an export', { export: name, address: client.raw.remoteAddress })
    try {
      await transmission.run()
    } catch (error) {
      if (systemCode(error) === undefined) throw error
    } finally {
      await endGently(session.socket)
      await session.export.release?.()
      this.#log.info('an NBD client left', { export: name, address: client.raw.remoteAddress })
    }
  }
}

/** Sends what was written before, but waits for no client longer than a second. */
async function endGently(socket: Socket): Promise<void> {
  if (!socket.destroyed) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 1000)
      const done = (): void => {
        clearTimeout(timer)
        resolve()
      }
      socket.once('close', done)
      socket.end(done)
    })
  }
  socket.destroy()
}

/** A socket file that nobody listens on is what a crash left behind. */
async function removeStaleSocket(path: string): Promise<void> {
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect({ path }, () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error) => resolve(systemCode(error) !== 'ECONNREFUSED'))
  })
  if (!alive) await rm(path, { force: true })
}
