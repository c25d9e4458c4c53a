import { messageOf, type Log } from '@nixen/core'
import type { NbdServer } from '@nixen/disk'
import type { Ref } from '../generated/rows.ts'
import { startNbdServer } from '../nbd/nbd-servers.ts'
import { consoleConnector, consoleUpgrader } from '../streams/console/connect.ts'
import { asksForConsole } from '../streams/console/web-socket.ts'
import type { ServerCertificate } from '../wire/certificate.ts'
import { listen, type Listener, type TakeOver } from '../wire/server.ts'
import type { OpenPool } from './open-pool.ts'

/** Who answers on an address: a host, and the pool that it is in now. */
export interface HostTarget {
  readonly member: OpenPool
  readonly host: Ref<'host'>
}

export interface HostPortOptions {
  readonly address: string
  /** 0 takes a free one. */
  readonly port: number
  readonly nbdPort: number
  /** What NBD answers with, and HTTP unless it is plain. */
  readonly certificate: ServerCertificate
  readonly tls: boolean
  readonly log: Log
}

/** A host's address: it goes on listening while the host changes its pool. */
export class HostPort implements AsyncDisposable {
  readonly address: string
  #target: HostTarget
  #http: Listener | undefined
  #nbd: NbdServer | undefined
  #nbdPort = 0

  private constructor(address: string, target: HostTarget) {
    this.address = address
    this.#target = target
  }

  /** Starts to listen. A host whose port for NBD is taken goes without NBD. */
  static async open(options: HostPortOptions, target: HostTarget): Promise<HostPort> {
    const { address, certificate, tls, log } = options
    const opened = new HostPort(address, target)
    const passOn =
      (take: (target: HostTarget) => TakeOver): TakeOver =>
      (...connection) =>
        take(opened.#target)(...connection)
    opened.#http = await listen({
      address,
      port: options.port,
      certificate: tls ? certificate : undefined,
      log,
      // Looked at for each request.
      get host() {
        return opened.#target.host
      },
      get router() {
        const { pool, router, callsOnly } = opened.#target.member
        return pool.leaving ? callsOnly : router
      },
      onConnect: passOn(({ member, host }) => consoleConnector(member.pool, host)),
      upgrade: { wanted: asksForConsole, take: passOn(({ member, host }) => consoleUpgrader(member.pool, host)) },
    })
    try {
      const at = (): { pool: HostTarget['member']['pool']; host: Ref<'host'> } => ({
        pool: opened.#target.member.pool,
        host: opened.#target.host,
      })
      opened.#nbd = await startNbdServer(at, { address, port: options.nbdPort, certificate, log })
      const listening = opened.#nbd.address
      opened.#nbdPort = 'port' in listening ? (listening.port ?? options.nbdPort) : options.nbdPort
    } catch (error) {
      log.warn('NBD is not served', { address, error: messageOf(error) })
    }
    opened.retarget(target)
    return opened
  }

  get port(): number {
    return this.#http?.port ?? 0
  }

  get target(): HostTarget {
    return this.#target
  }

  /** From now on requests are for this host of this pool. */
  retarget(target: HostTarget): void {
    const before = this.#target
    before.member.pool.nbdPorts.delete(before.host)
    this.#target = target
    if (this.#nbd) target.member.pool.nbdPorts.set(target.host, this.#nbdPort)
  }

  /** Answers with another certificate from now on; NBD looks it up for each connection. */
  present(certificate: ServerCertificate): void {
    this.#http?.present(certificate)
  }

  /** Stops to take and to serve anything but NBD, as a host without its agent. */
  async closeHttp(): Promise<void> {
    await this.#http?.[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeHttp()
    await this.#nbd?.close({ grace: 0 })
  }
}
