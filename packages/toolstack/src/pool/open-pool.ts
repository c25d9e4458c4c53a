import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, seededRandom, type Clock, type Log } from '@nixen/core'
import { hostStarted } from '../classes/host-start.ts'
import { classes } from '../classes/index.ts'
import { Database } from '../db/database.ts'
import { noStore } from '../db/row-store.ts'
import { openSqliteStore } from '../db/sqlite-store.ts'
import { startDebugServer, type DebugServer } from '../debug/debug-server.ts'
import { Dispatcher } from '../dispatch/dispatcher.ts'
import { Events } from '../events/events.ts'
import { Faults } from '../faults/faults.ts'
import { generateInventory } from '../generate/inventory.ts'
import type { Ref } from '../generated/rows.ts'
import { plugPbds } from '../membership/merge-pool.ts'
import { dataModel } from '../model/model.ts'
import { AllowedOperations } from '../operations/allowed.ts'
import type { ToolstackDump } from '../record/dump.ts'
import { loadDump } from '../record/load-dump.ts'
import { Directory } from '../session/directory.ts'
import { Sessions } from '../session/sessions.ts'
import { admit } from '../session/subjects.ts'
import { LocalStorage } from '../storage/local-storage.ts'
import { Screens } from '../streams/console/screens.ts'
import { Tasks } from '../tasks/tasks.ts'
import type { ToolstackOptions } from '../toolstack.ts'
import { readCertificate, serverCertificate, type ServerCertificate } from '../wire/certificate.ts'
import type { HttpHandler } from '../wire/http-exchange.ts'
import type { Router } from '../wire/router.ts'
import { makeCallRouter, makeRouter } from '../wire/routes.ts'
import { addCertificates } from './certificates.ts'
import type { HostMoves, Pool } from './pool.ts'
import { certificateFile, ejectedKey, joinedKey } from './state-directory.ts'

export interface PoolOptions extends Omit<ToolstackOptions, 'load'> {
  /** What a new state starts from, instead of a generated inventory. */
  readonly load: ToolstackDump | undefined
  /** Number of the pool, from 0. */
  readonly index: number
  readonly hosts: number
  readonly vms: number
  /** Where the state is kept. */
  readonly directory: string | undefined
  /** Address of the host with that number, for a new state; and for a kept one where `listen` asks for others. */
  readonly address: (host: number) => string
  /** The pools of this process; this one joins them while it runs. */
  readonly neighbours: Set<Pool>
  readonly moves: HostMoves
  readonly clock: Clock
  readonly log: Log
  /** Stops to answer for a host. */
  readonly stopHost: (pool: Pool, host: Ref<'host'>) => Promise<void>
  /** The pool was not asked for: without its debug port it runs all the same. */
  readonly comesByItself?: boolean
}

/** A pool with all that works on it; see `HostPort` for how it is reached. */
export interface OpenPool extends AsyncDisposable {
  readonly pool: Pool
  readonly index: number
  readonly directory: string | undefined
  readonly storage: LocalStorage
  readonly router: Router<HttpHandler>
  /** What is still answered when the host is about to go. */
  readonly callsOnly: Router<HttpHandler>
  readonly debug: DebugServer | undefined
  /** What of a loaded inventory could not be taken over. */
  readonly notes: readonly string[]
}

/** Opens or generates a pool's inventory, or takes `given`, which is kept nowhere. */
export async function openPool(options: PoolOptions, given?: Database): Promise<OpenPool> {
  const { directory, log, index } = options
  if (directory !== undefined) await mkdir(directory, { recursive: true })
  const { db, notes, kept } = given ? { db: given, notes: [], kept: false } : openInventory(options)
  const takeSpace = (sr: string, bytes: number): void => pool.faults.takeSpace(sr, bytes)
  const storage =
    directory === undefined
      ? await LocalStorage.temporary({ db, log, takeSpace })
      : await LocalStorage.open({ db, directory: join(directory, 'sr'), log, takeSpace })
  const stop = new AbortController()
  const certificates = await certificatesOf(db, directory)
  const pool = assemble(options, { db, certificates, storage, signal: stop.signal })
  const dispatcher = new Dispatcher(pool, classes)
  if (options.tls !== false) addCertificates(db, certificates)
  endMoves(db)
  if (kept) powerOn(pool)
  db.commit()
  const debug = await openDebugPort(options, { pool, storage })
  options.neighbours.add(pool)
  return {
    pool,
    index,
    directory,
    storage,
    router: makeRouter(pool, dispatcher),
    callsOnly: makeCallRouter(dispatcher),
    debug,
    notes,
    async [Symbol.asyncDispose]() {
      if (stop.signal.aborted) return
      stop.abort(new Error('The toolstack stops'))
      options.neighbours.delete(pool)
      await debug?.[Symbol.asyncDispose]()
      await dispatcher.idle()
      await storage[Symbol.asyncDispose]()
      db.close()
    },
  }
}

/** An inventory without rows, kept in `directory` if there is one. */
export function emptyInventory(directory: string | undefined): Database {
  const store = directory === undefined ? noStore : openSqliteStore(join(directory, 'state.sqlite'))
  const db = new Database({ model: dataModel(), store })
  db.deriveWith(new AllowedOperations(db))
  return db
}

/** The inventory, and whether an earlier process left it. */
function openInventory(options: PoolOptions): { db: Database; notes: readonly string[]; kept: boolean } {
  const { directory, index, hosts, vms, seed = 1, address, listen, load, clock } = options
  const db = emptyInventory(directory)
  db.load()
  const kept = db.count('pool') > 0
  let notes: readonly string[] = []
  if (!kept && load) {
    notes = loadDump(db, load, address)
    db.commit()
  } else if (!kept) {
    generateInventory(db, { seed, pool: index, hosts, vms, now: Math.floor(clock.now() / 1000) * 1000, address })
    db.commit()
  }
  if (listen) moveHosts(db, address)
  return { db, notes, kept }
}

/** Every host answers from now on, also one that had lost its power: it shows as one that has started. */
function powerOn(pool: Pool): void {
  for (const { ref, values } of pool.db.rows('host')) {
    const metrics = pool.db.find('host_metrics', values.metrics)
    if (metrics && !metrics.live) hostStarted({ db: pool.db, pool }, ref)
  }
}

/** Gives the hosts of a kept state the addresses that were asked for. */
function moveHosts(db: Database, addressOf: (host: number) => string): void {
  for (const [i, { ref, values }] of [...db.rows('host')].entries()) {
    const address = addressOf(i)
    if (address === values.address) continue
    db.update(ref, { address })
    for (const pif of values.PIFs) if (db.get('PIF', pif).management) db.update(pif, { IP: address })
  }
}

/** What each host answers with: its own from a pool before, or that of this pool. */
async function certificatesOf(
  db: Database,
  directory: string | undefined,
): Promise<Map<Ref<'host'>, ServerCertificate>> {
  const hosts = [...db.rows('host')]
  const addresses = hosts.map(({ values }) => values.address)
  const shared = await serverCertificate('toolstack.local', addresses, directory)
  const certificates = new Map<Ref<'host'>, ServerCertificate>()
  for (const { ref, values } of hosts) {
    const own =
      directory === undefined ? undefined : await readCertificate(join(directory, certificateFile(values.uuid)))
    certificates.set(ref, own ?? shared)
  }
  return certificates
}

/** Ends what an earlier process left of hosts that changed their pools; their files are where they belong by now. */
function endMoves(db: Database): void {
  for (const key of db.noteKeys()) {
    if (key.startsWith(joinedKey)) {
      const host = db.findUuid('host', key.slice(joinedKey.length))
      if (host !== undefined) plugPbds(db, host)
    } else if (!key.startsWith(ejectedKey)) continue
    db.setNote(key, undefined)
  }
}

async function openDebugPort(
  { debugPort, index, stopHost, comesByItself, log }: PoolOptions,
  { pool, storage }: { pool: Pool; storage: LocalStorage },
): Promise<DebugServer | undefined> {
  if (debugPort === undefined) return undefined
  try {
    return await startDebugServer({
      pool,
      port: debugPort === 0 ? 0 : debugPort + index,
      stopHost: (host) => stopHost(pool, host),
      settle: (sr) => storage.settle(sr),
    })
  } catch (error) {
    if (!comesByItself) throw error
    log.warn('The debug port is not served', { pool: index + 1, error: messageOf(error) })
    return undefined
  }
}

interface Parts {
  readonly db: Database
  readonly certificates: Map<Ref<'host'>, ServerCertificate>
  readonly storage: LocalStorage
  readonly signal: AbortSignal
}

function assemble(options: PoolOptions, { db, certificates, storage, signal }: Parts): Pool {
  const { clock, log, waits = true, loginDelay = true, conflictWait = 2000, password = 'nixen', users = [] } = options
  const random = seededRandom((options.seed ?? 1) + 7919 * (options.index + 1))
  const directory = new Directory()
  for (const user of users) {
    directory.put(user)
    const entry = directory.byName(user.name)
    if (entry) admit(db, entry, user.role)
  }
  return {
    db,
    clock,
    random,
    log,
    signal,
    settings: { waits, loginDelay, conflictWait },
    directory,
    sessions: new Sessions({ db, clock, loginDelay, password, directory }),
    tasks: new Tasks({ db, clock, log, signal }),
    events: new Events({ db, clock, waits }),
    faults: new Faults({ random, clock, delays: options.delays ?? {} }),
    storage,
    screens: new Screens(db),
    certificates,
    nbdPorts: new Map(),
    neighbours: options.neighbours,
    moves: options.moves,
    leaving: false,
  }
}
