import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parsePointId, type ChannelId, type ConnectionId, type Point } from '@nixen/api'
import { messageOf, systemClock, systemRandom, type Clock, type Log } from '@nixen/core'
import { xapiProvider, type Provider, type ProviderSession } from '@nixen/providers'
import type { FastifyInstance } from 'fastify'
import { pino, type DestinationStream, type Logger } from 'pino'
import { OwnAlarms } from './alarms/own-alarms.ts'
import { AlertStore } from './alerts/alert-store.ts'
import { Alerts } from './alerts/alerts.ts'
import { factSource } from './alerts/facts.ts'
import { AuditLog } from './audit/audit-log.ts'
import { Attempts } from './auth/attempts.ts'
import { Authenticator } from './auth/authenticator.ts'
import { SecondFactor } from './auth/second-factor.ts'
import { SetUp } from './auth/setup.ts'
import { LiveConfig } from './config/live.ts'
import { loadConfig, type ConfigSources } from './config/load.ts'
import type { Settings } from './config/settings.ts'
import { readSettings } from './config/stored.ts'
import { ConnectionStore } from './connections/connection-store.ts'
import { Connections } from './connections/connections.ts'
import { openState } from './db/open-state.ts'
import type { Db } from './db/tables.ts'
import { serverErrors } from './errors.ts'
import { makeHandlers } from './handlers.ts'
import { Room, Spool } from './features/transfer/spool.ts'
import { Uploads } from './features/transfer/uploads.ts'
import { createApp } from './http/app.ts'
import { logContext } from './http/log-context.ts'
import { addConsoleRoutes } from './http/console-files.ts'
import { addPlainRoutes } from './http/plain-routes.ts'
import { addRoutes } from './http/routes.ts'
import { Inventory } from './inventory/inventory.ts'
import { Views } from './inventory/views.ts'
import { actionKind } from './jobs/action-kind.ts'
import { JobStore } from './jobs/job-store.ts'
import { Jobs } from './jobs/jobs.ts'
import { Scheduler } from './jobs/scheduler.ts'
import { snapshotKind } from './jobs/snapshot-kind.ts'
import { openVault } from './keys/master-key.ts'
import { LocalSockets, openLocalDoor } from './local/local-door.ts'
import { Consoles } from './consoles/consoles.ts'
import { addConsoleRoute, asksForWebSocket } from './features/console/upgrade.ts'
import { ChannelStore } from './notify/channel-store.ts'
import { Channels } from './notify/channels.ts'
import { DeliveryStore } from './notify/delivery-store.ts'
import { Notifier } from './notify/notifier.ts'
import { reporter } from './notify/reporter.ts'
import { backupKind } from './protect/backup-kind.ts'
import { metadataKind } from './protect/metadata-kind.ts'
import { Protection } from './protect/protection.ts'
import { startStrayJanitor } from './protect/stray-janitor.ts'
import { CatalogueFile } from './repositories/catalogue-file.ts'
import { Catalogue } from './repositories/catalogue.ts'
import { keepInOrder } from './repositories/keep-in-order.ts'
import { Repositories } from './repositories/repositories.ts'
import { RepositoryStore } from './repositories/repository-store.ts'
import { backupState } from './state/backup.ts'
import { openStateDirectory } from './state/state-directory.ts'
import { startJanitor } from './tasks/janitor.ts'
import { TaskStore } from './tasks/task-store.ts'
import { Tasks } from './tasks/tasks.ts'
import { UndoJournal } from './tasks/undo-journal.ts'
import { provideTls } from './tls/provide.ts'
import { keepRenewed } from './tls/renew.ts'
import { WorkerPool, type WorkerPoolOptions } from './worker/worker-pool.ts'
import type { ServedTls } from './tls/served.ts'

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
  const wiring = { app, db, vault, config, clock, log, options, setUp, parts, stopping: stopping.signal, localSockets }
  const { alarms, consoles } = await wire(wiring)
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

interface Wiring {
  readonly app: FastifyInstance
  readonly db: Db
  readonly vault: ReturnType<typeof openVault>
  readonly config: LiveConfig
  readonly clock: Clock
  readonly log: Log
  readonly options: ServerOptions
  readonly setUp: SetUp
  readonly parts: AsyncDisposableStack
  readonly stopping: AbortSignal
  readonly localSockets: LocalSockets
}

/** The only place where parts are put together. */
async function wire(wiring: Wiring): Promise<{ readonly alarms: OwnAlarms; readonly consoles: Consoles }> {
  const { app, db, vault, config, clock, log, options, setUp, parts, stopping, localSockets } = wiring
  const { values: settings } = config
  const { version } = options
  const inventory = new Inventory()
  const views = parts.use(new Views(inventory, { clock }))
  const alarms = parts.use(new OwnAlarms({ inventory, clock }))
  const providerPorts = { clock, random: systemRandom, log }
  const store = new ConnectionStore(db, vault)
  const providers = options.providers ?? [xapiProvider]
  // A task that waits for a host that does not answer ends with its session: after connections.
  const late: { tasks?: Tasks } = {}
  parts.defer(async () => await late.tasks?.idle())
  const connections = parts.use(new Connections({ store, inventory, providers, ports: providerPorts }))
  const session = (id: ConnectionId): ProviderSession => connections.session(id)
  const journal = new UndoJournal({ db, clock, log, undo: async (id, step) => await session(id).undo(step) })
  // Before tasks: what runs in them is stopped first.
  const { repositories, catalogue } = await openRepositories(wiring)
  const tasks = parts.use(new Tasks({ store: new TaskStore(db), journal, inventory, clock, log, session }))
  late.tasks = tasks
  await tasks.start()
  const { spool, uploads } = await openTransfers(wiring)
  parts.use(keepInOrder({ repositories, tasks, clock, log }))
  parts.use(startJanitor({ inventory, journal, clock, log }))
  const authenticator = new Authenticator({
    db,
    clock,
    lifetime: () => ({ idle: config.values['session.idle'], longest: config.values['session.longest'] }),
    nameOf: (id) => inventory.nameOf(id),
    onChanged: () => {
      views.wake()
      consoles.recheck()
    },
  })
  const audit = new AuditLog(db, clock)
  const basePath = basePathOf(settings)
  const consoles = parts.use(new Consoles({ inventory, connections, authenticator, audit, clock, log, basePath }))
  // What uses a channel is made after the channels.
  const users: { of: (channel: ChannelId) => Promise<string[]> } = { of: () => Promise.resolve([]) }
  const { channels, notifier } = await openChannels(wiring, inventory, users)
  const url = (): string | undefined => publicUrlOf(config.values)
  const jobs = new Jobs({
    onEnded: reporter({ notifier, log, url }),
    checkChannels: (ids) => channels.demandAll(ids),
    store: new JobStore(db),
    tasks,
    inventory,
    authenticator,
    kinds: {
      action: actionKind({ inventory, connections }),
      snapshot: snapshotKind({ inventory, connections, clock }),
      backup: backupKind({ inventory, connections, repositories, clock }),
      metadata: metadataKind({
        inventory,
        connections,
        repositories,
        clock,
        backupState: async (to) =>
          await backupState(options.stateDir, to, { databaseUrl: settings['database.url'], now: clock.now() }),
      }),
    },
    clock,
    log,
  })
  await jobs.start()
  const strayPorts = {
    connections: () => [...inventory.all('connection')].flatMap(({ id, state }) => (state === 'connected' ? [id] : [])),
    protect: (id: ConnectionId) => session(id).protect,
    repositories,
    content: async ({ id, repository }: Point, signal: AbortSignal) =>
      (await repositories.run('content', repository, { snapshot: parsePointId(id)?.snapshot ?? '' }, { signal })).vm,
    busy: async () => (await jobs.all()).some(({ id }) => jobs.isRunning(id)),
  }
  parts.use(startStrayJanitor({ ...strayPorts, clock, log }))
  parts.use(new Protection({ inventory, jobs, catalogue, authenticator, clock, log }))
  parts.use(new Scheduler({ jobs, store: new JobStore(db), clock, log }))
  const served = (): ServedTls | undefined => alarms.certificate
  const facts = factSource({ inventory, connections, jobs, served, providerPorts, clock })
  const alertStore = new AlertStore(db)
  const alertPorts = { store: alertStore, inventory, repositories, facts, channels, notifier, clock, log, url }
  const alerts = parts.use(new Alerts(alertPorts))
  await alerts.start()
  users.of = async (channel) => {
    const reporting = (await jobs.all()).filter((job) => job.channels.includes(channel))
    return [...alerts.usersOf(channel), ...reporting.map(({ name }) => `the job "${name}"`)]
  }
  const handlers = makeHandlers({
    journal,
    jobs,
    alerts,
    channels,
    db,
    clock,
    config,
    inventory,
    views,
    connections,
    tasks,
    repositories,
    catalogue,
    providerPorts,
    authenticator,
    audit,
    consoles,
    setUp,
    version,
    spool,
    uploads,
    attempts: new Attempts(clock),
    secondFactor: new SecondFactor({ db, vault, clock }),
    features: settings['tls.mode'] === 'self-signed' ? ['tls-self-signed'] : [],
    started: clock.now(),
  })
  const publicUrl = settings['server.public_url']
  addRoutes(app, { handlers, authenticator, audit, localSockets, log, basePath, publicUrl, stopping })
  addConsoleRoute(app, { consoles, authenticator, basePath, publicUrl })
  addPlainRoutes(app, { db, inventory, views, authenticator, version, basePath })
  addConsoleRoutes(app, { basePath })
  await connections.start()
  return { alarms, consoles }
}

/** Repositories, the catalogue of what is in them, and the processes that open them. */
async function openRepositories({
  db,
  vault,
  clock,
  log,
  options,
  parts,
}: Wiring): Promise<{ readonly repositories: Repositories; readonly catalogue: Catalogue }> {
  const cache = join(options.stateDir, 'cache')
  const pool = parts.use(new WorkerPool({ log, ...options.workers }))
  const catalogue = new Catalogue(parts.use(new CatalogueFile(join(cache, 'points.sqlite'), log)))
  const store = new RepositoryStore(db, vault)
  const repositories = parts.use(new Repositories({ store, pool, catalogue, clock, log, cache }))
  await repositories.start()
  return { repositories, catalogue }
}

/** Channels, and what delivers to them. */
async function openChannels(
  { db, vault, clock, log, parts }: Wiring,
  inventory: Inventory,
  users: { readonly of: (channel: ChannelId) => Promise<string[]> },
) {
  const deliveries = new DeliveryStore(db)
  const usersOf = async (channel: ChannelId): Promise<string[]> => await users.of(channel)
  const channels = new Channels({ store: new ChannelStore(db, vault), deliveries, clock, usersOf })
  await channels.start()
  const notifier = parts.use(new Notifier({ db, channels, deliveries, inventory, clock, log }))
  await notifier.start()
  return { channels, notifier }
}

/** Where files of imports and exports are kept for a while. */
async function openTransfers({
  config,
  clock,
  log,
  options,
  parts,
}: Wiring): Promise<{ readonly spool: Spool; readonly uploads: Uploads }> {
  const room = new Room(() => config.values['transfer.cache_limit'])
  const spool = new Spool(join(options.stateDir, 'cache', 'transfers'), room)
  await spool.start()
  const uploads = parts.use(new Uploads({ folder: join(options.stateDir, 'uploads'), room, clock, log }))
  await uploads.start()
  return { spool, uploads }
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

function basePathOf(settings: Settings): string {
  const path = settings['server.base_path']
  return path.endsWith('/') ? path : `${path}/`
}

/** Address that people use, with `/` at its end; `undefined` when nobody has said it. */
function publicUrlOf(settings: Settings): string | undefined {
  const url = settings['server.public_url']
  return url === '' ? undefined : url.replace(/\/*$/, '/')
}

function urlOf(settings: Settings, port: number): string {
  const known = publicUrlOf(settings)
  if (known !== undefined) return known
  const protocol = settings['tls.mode'] === 'off' ? 'http' : 'https'
  const host = settings['server.listen']
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `${protocol}://${name}:${port}${basePathOf(settings)}`
}

function makeLogger(level: Settings['log.level'], to: DestinationStream = pino.destination(2)): Logger {
  return pino(
    {
      level,
      base: null,
      mixin: () => ({ ...logContext.getStore() }),
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['password', 'secret', 'token'],
    },
    to,
  )
}

/** pino behind core's port: fields after the sentence. */
function logOf(logger: Logger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  }
}
