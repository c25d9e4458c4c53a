import type { AddressInfo } from 'node:net'
import { messageOf, systemClock, type Clock } from '@nixen/core'
import type { Provider } from '@nixen/providers'
import type { FastifyInstance } from 'fastify'
import type { DestinationStream } from 'pino'
import { SetUp } from './auth/setup.ts'
import { LiveConfig } from './config/live.ts'
import { loadConfig, type ConfigSources } from './config/load.ts'
import type { Settings } from './config/settings.ts'
import { readSettings } from './config/stored.ts'
import { openState } from './db/open-state.ts'
import type { Db } from './db/tables.ts'
import { serverErrors } from './errors.ts'
import { asksForWebSocket } from './features/console/upgrade.ts'
import { basePathOf, urlOf } from './http/addresses.ts'
import { createApp } from './http/app.ts'
import { logOf, makeLogger } from './http/logger.ts'
import { openVault } from './keys/master-key.ts'
import { LocalSockets, openLocalDoor } from './local/local-door.ts'
import { openStateDirectory } from './state/state-directory.ts'
import { provideTls } from './tls/provide.ts'
import { keepRenewed } from './tls/renew.ts'
import type { ServedTls } from './tls/served.ts'
import { wire } from './wiring/wire.ts'
import type { WorkerPoolOptions } from './worker/worker-pool.ts'

export interface ServerOptions extends Omit<ConfigSources, 'database'> {
  /** `--state`: made when it is not there. */
  readonly stateDir: string
  /** Version of Nixen. */
  readonly version: string
  /** Where lines of JSON are logged; standard error when left out. */
  readonly logTo?: DestinationStream | undefined
  readonly clock?: Clock | undefined
  /** The database grows no larger than so many pages of 4 KiB; without bound when left out. */
  readonly maxDatabasePages?: number | undefined
  /** Bounds of the worker processes that open repositories. */
  readonly workers?: Omit<WorkerPoolOptions, 'log'> | undefined
  /** Providers of hypervisors; XAPI when left out. */
  readonly providers?: readonly Provider[] | undefined
}

/** A server that answers. Disposing of it stops it; what it was asked before is answered. */
export interface Server extends AsyncDisposable {
  /** `https://localhost:8443/`, the base path included. */
  readonly url: string
  readonly port: number
  /** SHA-256 of the certificate, to be compared when a browser warns; absent without TLS. */
  readonly fingerprint: string | undefined
  /** Where the first administrator is made; absent when there are users. The token behind `#` works once, until the server stops. */
  readonly setUpUrl: string | undefined
  /** Unix socket for this machine's administrator; absent when its path would be too long. */
  readonly localSocket: string | undefined
  /** For tests that need no socket. */
  readonly app: FastifyInstance
}

/**
 * Starts the control plane on a state directory. Connections are begun and not waited for.
 *
 * @throws server.state_in_use, state_unusable, bad_database, database_in_use, newer_schema, bad_setting, bad_file, bad_certificate, cannot_listen
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  await using parts = new AsyncDisposableStack()
  const state = parts.use(openStateDirectory(options.stateDir))
  // Where the database is cannot be in the database.
  const outside = loadConfig({ ...options, database: undefined }).values
  const logger = makeLogger(outside['log.level'], options.logTo)
  const log = logOf(logger)
  const database = { path: state.database, url: outside['database.url'], maxPages: options.maxDatabasePages }
  const db = await openState({ ...database, log })
  parts.defer(async () => await db.destroy())
  const config = new LiveConfig(loadConfig({ ...options, database: await readSettings(db) }))
  const { values: settings } = config
  logger.level = settings['log.level']
  config.onChange((values) => (logger.level = values['log.level']))
  const clock = options.clock ?? systemClock
  const tlsOptions = { folder: state.tls, settings, now: clock.now() }
  const tls = await provideTls(tlsOptions)
  const setUp = new SetUp()
  const token = (await isEmpty(db)) ? setUp.offer() : undefined
  const stopping = new AbortController()
  const localSockets = new LocalSockets()

  const app = createApp({
    logger,
    tls,
    trustedProxies: settings['server.trusted_proxies'],
    isUpgrade: asksForWebSocket,
  })
  parts.defer(async () => {
    stopping.abort()
    await app.close()
  })
  const vault = openVault(state.keys)
  const base = { app, db, vault, config, clock, log, options, setUp, parts, stopping: stopping.signal, localSockets }
  const { alarms, consoles } = await wire(base)
  await listen(app, settings)
  const local = {
    app,
    sockets: localSockets,
    folder: state.run,
    basePath: basePathOf(settings),
    log,
    isUpgrade: asksForWebSocket,
  }
  const door = parts.use(await openLocalDoor(local))
  // What is open is closed before the doors are: they wait for it.
  parts.use(consoles)
  alarms.watchCertificate(tls)
  const onServed = (served: ServedTls): void => alarms.watchCertificate(served)
  if (tls) parts.use(keepRenewed(app, { tls, folder: state.tls, settings, clock, log, onServed }))

  const { port } = app.server.address() as AddressInfo
  const url = urlOf(settings, port)
  logger.info({ url, version: options.version }, 'listening')
  const running = parts.move()
  return {
    url,
    port,
    fingerprint: tls?.fingerprint,
    setUpUrl: token === undefined ? undefined : `${url}setup#${token}`,
    localSocket: door.path,
    app,
    [Symbol.asyncDispose]: async () => await running.disposeAsync(),
  }
}

async function isEmpty(db: Db): Promise<boolean> {
  return (await db.selectFrom('users').select('id').limit(1).executeTakeFirst()) === undefined
}

async function listen(app: FastifyInstance, settings: Settings): Promise<void> {
  const host = settings['server.listen']
  const port = settings['server.port']
  try {
    await app.listen({ host, port })
  } catch (cause) {
    throw serverErrors.cannot_listen({ address: `${host}:${port}`, reason: messageOf(cause) }, { cause })
  }
}
