import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom, type Clock, type Log } from '@nixen/core'
import { classes } from '../classes/index.ts'
import { Database } from '../db/database.ts'
import { noStore } from '../db/row-store.ts'
import { openSqliteStore } from '../db/sqlite-store.ts'
import { killHost } from '../debug/guest.ts'
import { startDebugServer, type DebugServer } from '../debug/debug-server.ts'
import { Dispatcher } from '../dispatch/dispatcher.ts'
import { Events } from '../events/events.ts'
import { Faults } from '../faults/faults.ts'
import { generateInventory } from '../generate/inventory.ts'
import type { Ref } from '../generated/rows.ts'
import { dataModel } from '../model/model.ts'
import { nbdPort, startNbdServers } from '../nbd/nbd-servers.ts'
import { AllowedOperations } from '../operations/allowed.ts'
import type { ToolstackDump } from '../record/dump.ts'
import { loadDump } from '../record/load-dump.ts'
import { Sessions } from '../session/sessions.ts'
import { LocalStorage } from '../storage/local-storage.ts'
import type { StoragePort } from '../storage/storage-port.ts'
import { consoleConnector, consoleUpgrader } from '../streams/console/connect.ts'
import { Screens } from '../streams/console/screens.ts'
import { asksForConsole } from '../streams/console/web-socket.ts'
import { namedObject } from '../streams/objects.ts'
import { Tasks } from '../tasks/tasks.ts'
import type { RunningPool, ToolstackOptions } from '../toolstack.ts'
import { serverCertificate, type ServerCertificate } from '../wire/certificate.ts'
import { makeRouter } from '../wire/routes.ts'
import { listen as listenOn, type Listener } from '../wire/server.ts'
import { addCertificates } from './certificates.ts'
import { placeImages } from './images.ts'
import type { Pool } from './pool.ts'

export interface PoolOptions extends Omit<ToolstackOptions, 'load'> {
  /** What a new state starts from, instead of a generated inventory. */
  readonly load: ToolstackDump | undefined
  /** Number of the pool, from 0. */
  readonly index: number
  readonly hosts: number
  readonly vms: number
  readonly port: number
  /** The pools of this process; this one joins them while it runs. */
  readonly neighbours: Set<Pool>
  /** Where the state is kept. */
  readonly directory: string | undefined
  readonly addresses: readonly string[]
  readonly clock: Clock
  readonly log: Log
}

/** A pool that answers. */
export interface PoolHandle extends RunningPool, AsyncDisposable {
  readonly port: number
  readonly fingerprint: string | undefined
}

/** Opens or generates a pool's inventory and starts to answer on the addresses of its hosts. */
export async function startPool(options: PoolOptions): Promise<PoolHandle> {
  const { directory } = options
  if (directory !== undefined) await mkdir(directory, { recursive: true })
  const { db, notes } = openInventory(options)
  const { log } = options
  const storage =
    directory === undefined
      ? await LocalStorage.temporary({ db, log })
      : await LocalStorage.open({ db, directory: join(directory, 'sr'), log })
  const stop = new AbortController()
  // NBD needs it even when HTTP goes without.
  const nbdCertificate = await serverCertificate('toolstack.local', options.addresses, directory)
  const certificate = options.tls === false ? undefined : nbdCertificate
  const pool = assemble(options, { db, certificate: nbdCertificate, storage, signal: stop.signal })
  const dispatcher = new Dispatcher(pool, classes)
  const listeners: Listener[] = []
  let nbd: AsyncDisposable | undefined
  let debug: DebugServer | undefined
  const close = async (): Promise<void> => {
    if (stop.signal.aborted) return
    stop.abort(new Error('The toolstack stops'))
    options.neighbours.delete(pool)
    await debug?.[Symbol.asyncDispose]()
    for (const listener of listeners) await listener[Symbol.asyncDispose]()
    await dispatcher.idle()
    await nbd?.[Symbol.asyncDispose]()
    await storage[Symbol.asyncDispose]()
    db.close()
  }
  const stopHost = async (host: Ref<'host'>): Promise<void> => {
    const { address } = db.get('host', host)
    await listeners.find((listener) => listener.address === address)?.[Symbol.asyncDispose]()
  }
  const kill = async (name: string): Promise<void> => {
    const host = namedObject(db, 'host', name)
    await killHost(pool, host, () => stopHost(host))
    db.commit()
  }
  try {
    if (certificate) addCertificates(db, certificate)
    db.commit()
    await listenAll({ ...options, pool, dispatcher, certificate, listeners })
    nbd = await startNbdServers(pool, {
      certificate: nbdCertificate,
      port: options.nbdPort ?? (options.port === 0 ? 0 : nbdPort),
      log: options.log,
    })
    // A name stands for a machine of the first pool.
    if (options.index === 0) await placeImages(pool, options.images ?? [])
    if (options.debugPort !== undefined) {
      debug = await startDebugServer({
        pool,
        port: options.debugPort === 0 ? 0 : options.debugPort + options.index,
        stopHost,
        settle: (sr) => storage.settle(sr),
      })
    }
    options.neighbours.add(pool)
    return handle(options, {
      pool,
      notes,
      kill,
      debugUrl: debug?.url,
      port: listeners[0]?.port ?? 0,
      certificate,
      close,
    })
  } catch (error) {
    await close()
    throw error
  }
}

function openInventory(options: PoolOptions): { db: Database; notes: readonly string[] } {
  const { directory, index, hosts, vms, seed = 1, addresses, listen, load, clock } = options
  const model = dataModel()
  const store = directory === undefined ? noStore : openSqliteStore(join(directory, 'state.sqlite'))
  const db = new Database({ model, store })
  db.deriveWith(new AllowedOperations(db))
  db.load()
  let notes: readonly string[] = []
  const address = (host: number): string => addresses[host] ?? ''
  if (db.count('pool') === 0 && load) {
    notes = loadDump(db, load, address)
    db.commit()
  } else if (db.count('pool') === 0) {
    generateInventory(db, { seed, pool: index, hosts, vms, now: Math.floor(clock.now() / 1000) * 1000, address })
    db.commit()
  }
  if (listen) moveHosts(db, addresses)
  return { db, notes }
}

/** Gives the hosts of a kept state the addresses that were asked for. */
function moveHosts(db: Database, addresses: readonly string[]): void {
  for (const [i, { ref, values }] of [...db.rows('host')].entries()) {
    const address = addresses[i]
    if (address === undefined || address === values.address) continue
    db.update(ref, { address })
    for (const pif of values.PIFs) if (db.get('PIF', pif).management) db.update(pif, { IP: address })
  }
}

function assemble(options: PoolOptions, { db, certificate, storage, signal }: Parts): Pool {
  const { clock, log, waits = true, loginDelay = true, conflictWait = 2000, password = 'nixen', users = [] } = options
  const random = seededRandom((options.seed ?? 1) + 7919 * (options.index + 1))
  return {
    db,
    clock,
    random,
    log,
    signal,
    settings: { waits, loginDelay, conflictWait },
    sessions: new Sessions({ db, clock, loginDelay, users: [{ name: 'root', password, role: 'root' }, ...users] }),
    tasks: new Tasks({ db, clock, log, signal }),
    events: new Events({ db, clock, waits }),
    faults: new Faults({ random, clock, delays: options.delays ?? {} }),
    storage,
    screens: new Screens(db),
    certificate: certificate.cert,
    nbdPorts: new Map(),
    neighbours: options.neighbours,
  }
}

interface Parts {
  readonly db: Database
  readonly certificate: ServerCertificate
  readonly storage: StoragePort
  readonly signal: AbortSignal
}

interface ListenAll extends PoolOptions {
  readonly pool: Pool
  readonly dispatcher: Dispatcher
  readonly certificate: ServerCertificate | undefined
  readonly listeners: Listener[]
}

async function listenAll({ pool, dispatcher, certificate, listeners, log, port }: ListenAll): Promise<void> {
  const router = makeRouter(pool, dispatcher)
  for (const { ref, values } of pool.db.rows('host')) {
    const chosen = listeners[0]?.port ?? port
    listeners.push(
      await listenOn({
        host: ref,
        address: values.address,
        port: chosen,
        certificate,
        router,
        log,
        onConnect: consoleConnector(pool, ref),
        upgrade: { wanted: asksForConsole, take: consoleUpgrader(pool, ref) },
      }),
    )
  }
}

function handle(
  { tls }: PoolOptions,
  parts: {
    pool: Pool
    notes: readonly string[]
    kill: (host: string) => Promise<void>
    debugUrl: string | undefined
    port: number
    certificate: ServerCertificate | undefined
    close: () => Promise<void>
  },
): PoolHandle {
  const { pool, port, certificate, close } = parts
  const addresses = [...pool.db.rows('host')].map(({ values }) => values.address)
  const [name = ''] = [...pool.db.rows('pool')].map(({ values }) => values.name_label)
  return {
    name,
    port,
    addresses,
    url: `${tls === false ? 'http' : 'https'}://${addresses[0]}:${port}`,
    fingerprint: certificate?.fingerprint,
    faults: pool.faults,
    notes: parts.notes,
    killHost: parts.kill,
    debugUrl: parts.debugUrl,
    [Symbol.asyncDispose]: close,
  }
}
