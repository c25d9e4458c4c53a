import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { messageOf, type Clock, type Log } from '@nixen/core'
import { killHost, startHost } from '../debug/guest.ts'
import type { StoredRow } from '../db/row-store.ts'
import type { Ref } from '../generated/rows.ts'
import { freshPool } from '../membership/fresh-pool.ts'
import { mergePool, plugPbds } from '../membership/merge-pool.ts'
import { updatePoolCpus } from '../membership/pool-cpus.ts'
import { forgetSr, localSrs, removeHost } from '../membership/remove-host.ts'
import { nbdPort } from '../nbd/nbd-servers.ts'
import type { ToolstackDump } from '../record/dump.ts'
import { hostsOf } from '../record/load-dump.ts'
import { namedObject } from '../streams/objects.ts'
import type { RunningPool, ToolstackOptions } from '../toolstack.ts'
import { HostPort } from './host-port.ts'
import { placeImages } from './images.ts'
import { emptyInventory, openPool, type OpenPool } from './open-pool.ts'
import { masterOf, poolRef, type HostMoves, type Pool } from './pool.ts'
import {
  certificateFile,
  ejectedKey,
  followHost,
  joinedKey,
  leaveHost,
  moveSrs,
  openStateDirectory,
  poolDirectory,
  writeCount,
  type EjectedHost,
  type JoinedHost,
} from './state-directory.ts'
import type { ServerCertificate } from '../wire/certificate.ts'
import { writeDurable } from '../storage/file-sr/durable.ts'
import { lockState } from './state-lock.ts'

export interface SiteOptions extends Omit<ToolstackOptions, 'load'> {
  readonly load: ToolstackDump | undefined
  readonly pools: number
  readonly hosts: number
  readonly vms: number
  readonly clock: Clock
  readonly log: Log
}

/** How long a host that joined as a task goes on answering, so that the task's end can be seen; milliseconds. */
const farewell = 1000

/** The pools of this process, the addresses of their hosts, and the hosts' moves between them. */
export class Site implements HostMoves, AsyncDisposable {
  readonly #options: SiteOptions
  readonly #neighbours = new Set<Pool>()
  readonly #open: OpenPool[] = []
  readonly #ports = new Set<HostPort>()
  /** Moves under way, one after the other. */
  #moving: Promise<void> = Promise.resolve()
  #lock: Disposable | undefined
  #made = 0
  #port: number
  readonly #stop = new AbortController()

  private constructor(options: SiteOptions) {
    this.#options = options
    this.#port = options.port ?? 0
  }

  /** Opens the pools of the data directory and makes those that are missing. */
  static async start(options: SiteOptions): Promise<Site> {
    const site = new Site(options)
    try {
      await site.#start()
    } catch (error) {
      await site[Symbol.asyncDispose]()
      throw error
    }
    return site
  }

  get port(): number {
    return this.#port
  }

  /** The pools there are now, in the order of their numbers. */
  get pools(): readonly RunningPool[] {
    return this.#open.map((member) => this.#running(member))
  }

  /** SHA-256 fingerprint of what the first pool's master answers with. */
  get fingerprint(): string | undefined {
    const [first] = this.#open
    if (!first || this.#options.tls === false) return undefined
    return first.pool.certificates.get(masterOf(first.pool.db))?.fingerprint
  }

  at(address: string): { pool: Pool; host: Ref<'host'> } | undefined {
    const port = [...this.#ports].find((each) => each.address === address)
    return port && { pool: port.target.member.pool, host: port.target.host }
  }

  async join(pool: Pool, target: Pool, { later }: { later: boolean }): Promise<void> {
    const [own, into] = [this.#memberOf(pool), this.#memberOf(target)]
    const host = masterOf(pool.db)
    const { uuid } = pool.db.get('host', host)
    const port = this.#portOf(own, host)
    const note = (srs: readonly string[]): JoinedHost => ({ host: uuid, from: poolDirectory(own.index), srs })
    pool.db.commitForGood()
    target.db.commit()
    // Up to the commit nothing waits, so that both inventories are what was checked.
    const merged = this.#commit(into, () => {
      const made = mergePool(pool.db, target.db)
      target.db.setNote(joinedKey + uuid, JSON.stringify(note(made.srs)))
      return made
    })
    pool.leaving = true
    const finish = this.#enqueue(async () => {
      if (later) await pool.clock.sleep(farewell, { signal: this.#stop.signal }).catch(() => undefined)
      const certificate = pool.certificates.get(masterOf(pool.db))
      if (certificate) target.certificates.set(merged.host, certificate)
      port?.retarget({ member: into, host: merged.host })
      pool.sessions.closeAll()
      await this.#followHost(own, into, note(merged.srs))
      plugPbds(target.db, merged.host)
      target.db.setNote(joinedKey + uuid, undefined)
      target.db.commit()
    })
    if (!later) return await finish
    // Logged where it went wrong.
    finish.catch(() => undefined)
  }

  async eject(pool: Pool, host: Ref<'host'>): Promise<void> {
    const from = this.#memberOf(pool)
    const index = await this.#nextIndex()
    const { uuid } = pool.db.get('host', host)
    const port = this.#portOf(from, host)
    const local = localSrs(pool.db, host)
    const srs = local.map((sr) => pool.db.get('SR', sr).uuid)
    for (const sr of srs) await from.storage.detachSr(sr)
    pool.db.commit()
    // Up to the commit nothing waits, so that the host is in one inventory or the other.
    const directory = this.#directoryOf(index)
    const fresh = this.#makeFresh(pool, host, directory && `${directory}.new`)
    const note: EjectedHost = { host: uuid, to: poolDirectory(index), srs }
    this.#commit(from, () => {
      removeHost(pool.db, host)
      for (const sr of local) forgetSr(pool.db, sr)
      updatePoolCpus(pool.db)
      pool.db.setNote(ejectedKey + uuid, JSON.stringify(note))
    })
    await this.#enqueue(async () => {
      if (from.directory !== undefined) await leaveHost(this.#root(), basename(from.directory), note)
      else for (const sr of srs) await from.storage.destroySr({ uuid: sr, type: 'ext', deviceConfig: {} })
      // The host keeps its address, whatever was asked for at the start.
      const options = { ...this.#poolOptions(index), listen: undefined, comesByItself: true }
      const member = await openPool(options, directory === undefined ? fresh : undefined)
      const certificate = pool.certificates.get(host)
      pool.certificates.delete(host)
      const master = masterOf(member.pool.db)
      if (certificate && directory === undefined) member.pool.certificates.set(master, certificate)
      this.#open.push(member)
      port?.retarget({ member, host: master })
      pool.db.setNote(ejectedKey + uuid, undefined)
      pool.db.commit()
    })
  }

  async powerOn(pool: Pool, host: Ref<'host'>): Promise<void> {
    const member = this.#memberOf(pool)
    if (!this.#portOf(member, host)) await this.#listen(member, host)
  }

  async present(pool: Pool, host: Ref<'host'>, certificate: ServerCertificate): Promise<void> {
    const { directory } = this.#memberOf(pool)
    if (directory !== undefined) {
      const path = join(directory, certificateFile(pool.db.get('host', host).uuid))
      await writeDurable(path, JSON.stringify(certificate))
    }
    pool.certificates.set(host, certificate)
    this.#portOf(this.#memberOf(pool), host)?.present(certificate)
  }

  async restore(pool: Pool, rows: readonly StoredRow[]): Promise<void> {
    const member = this.#memberOf(pool)
    await this.#enqueue(async () => {
      await member.storage.detachAll()
      pool.db.commit()
      const uuidOf = (host: Ref<'host'>): string => pool.db.get('host', host).uuid
      const certificates = new Map([...pool.certificates].map(([ref, own]) => [uuidOf(ref), own]))
      const ports = [...this.#ports].filter(({ target }) => target.member === member)
      const addressed = new Map(ports.map((port) => [uuidOf(port.target.host), port]))
      pool.sessions.closeAll()
      this.#commit(member, () => pool.db.replace(rows))
      pool.certificates.clear()
      for (const { ref, values } of pool.db.rows('host')) {
        const own = certificates.get(values.uuid)
        if (own) pool.certificates.set(ref, own)
        addressed.get(values.uuid)?.retarget({ member, host: ref })
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#stop.abort(new Error('The toolstack stops'))
    for (const port of this.#ports) await port.closeHttp()
    await this.#moving
    for (const member of [...this.#open].toReversed()) await member[Symbol.asyncDispose]()
    for (const port of this.#ports) await port[Symbol.asyncDispose]()
    this.#lock?.[Symbol.dispose]()
  }

  async #start(): Promise<void> {
    const { dataDir, pools } = this.#options
    if (dataDir !== undefined) {
      await mkdir(dataDir, { recursive: true })
      this.#lock = lockState(dataDir)
    }
    const { indices, made } = dataDir === undefined ? { indices: [], made: 0 } : await openStateDirectory(dataDir)
    this.#made = Math.max(made, pools)
    for (let index = 0; index < this.#made; index++) {
      // One that is gone stays away.
      if (index >= made || indices.includes(index)) await this.#add(index)
    }
    if (dataDir !== undefined && this.#made !== made) await writeCount(dataDir, this.#made)
    const [first] = this.#open
    // A name stands for a machine of the first pool.
    if (first) await placeImages(first.pool, this.#options.images ?? [])
  }

  async #add(index: number): Promise<void> {
    const member = await openPool(this.#poolOptions(index))
    this.#open.push(member)
    for (const { ref } of member.pool.db.rows('host')) await this.#listen(member, ref)
  }

  async #listen(member: OpenPool, host: Ref<'host'>): Promise<void> {
    const { log, tls, nbdPort: wanted } = this.#options
    const { address } = member.pool.db.get('host', host)
    const certificate = member.pool.certificates.get(host)
    if (!certificate) throw new TypeError('Every host has a certificate')
    const port = await HostPort.open(
      {
        address,
        // All addresses share one port; the first one found decides.
        port: this.#port,
        nbdPort: wanted ?? ((this.#options.port ?? 0) === 0 ? 0 : nbdPort),
        certificate,
        tls: tls !== false,
        log,
      },
      { member, host },
    )
    this.#port = port.port
    this.#ports.add(port)
  }

  #poolOptions(index: number): Parameters<typeof openPool>[0] {
    const { listen, load } = this.#options
    const before = this.#open.reduce((count, { pool }) => count + pool.db.count('host'), 0)
    const dump = index === 0 ? load : undefined
    return {
      ...this.#options,
      load: dump,
      hosts: dump ? hostsOf(dump) : this.#options.hosts,
      index,
      directory: this.#directoryOf(index),
      address: (host) => listen?.[before + host] ?? `127.0.${index + 1}.${host + 1}`,
      neighbours: this.#neighbours,
      moves: this,
      stopHost: (pool, host) => this.#stopHost(this.#memberOf(pool), host),
    }
  }

  #running(member: OpenPool): RunningPool {
    const { pool, notes, debug } = member
    const { db } = pool
    const scheme = this.#options.tls === false ? 'http' : 'https'
    const port = this.#port
    return {
      get name() {
        return db.get('pool', poolRef(db)).name_label
      },
      get url() {
        return `${scheme}://${db.get('host', masterOf(db)).address}:${port}`
      },
      get addresses() {
        return [...db.rows('host')].map(({ values }) => values.address)
      },
      faults: pool.faults,
      notes,
      killHost: async (name) => {
        const host = namedObject(db, 'host', name)
        await killHost(pool, host, () => this.#stopHost(member, host))
        db.commit()
      },
      startHost: async (name) => {
        const host = namedObject(db, 'host', name)
        await startHost(pool, host, () => this.powerOn(pool, host))
        db.commit()
      },
      debugUrl: debug?.url,
    }
  }

  #portOf(member: OpenPool, host: Ref<'host'>): HostPort | undefined {
    return [...this.#ports].find(({ target }) => target.member === member && target.host === host)
  }

  async #stopHost(member: OpenPool, host: Ref<'host'>): Promise<void> {
    const port = this.#portOf(member, host)
    if (!port) return
    this.#ports.delete(port)
    await port[Symbol.asyncDispose]()
  }

  #memberOf(pool: Pool): OpenPool {
    const member = this.#open.find((open) => open.pool === pool)
    if (!member) throw new TypeError('The pool is closed')
    return member
  }

  #directoryOf(index: number): string | undefined {
    return this.#options.dataDir === undefined ? undefined : join(this.#root(), poolDirectory(index))
  }

  #root(): string {
    return this.#options.dataDir ?? ''
  }

  async #nextIndex(): Promise<number> {
    const index = this.#made++
    if (this.#options.dataDir !== undefined) await writeCount(this.#options.dataDir, this.#made)
    return index
  }

  /** The inventory of a host's own pool: in memory, or kept in a directory that nobody sees yet. */
  #makeFresh(pool: Pool, host: Ref<'host'>, directory: string | undefined): ReturnType<typeof emptyInventory> {
    if (directory !== undefined) {
      mkdirSync(directory)
      // The host keeps the certificate it answers with. Only this user may read the key.
      const certificate = JSON.stringify(pool.certificates.get(host))
      writeFileSync(join(directory, 'tls.json'), certificate, { mode: 0o600, flush: true })
    }
    const fresh = emptyInventory(directory)
    freshPool(pool.db, host, { to: fresh, now: pool.clock.now() })
    if (directory === undefined) return fresh
    fresh.commitForGood()
    fresh.close()
    return fresh
  }

  /** Closes the old pool of a host that joined, and moves the files of its SRs. */
  async #followHost(own: OpenPool, into: OpenPool, note: JoinedHost): Promise<void> {
    this.#open.splice(this.#open.indexOf(own), 1)
    await own.storage.detachAll()
    // Without a data directory the files end with the storage that has them.
    if (into.directory === undefined) await moveSrs(own.storage.directory, into.storage.directory, note.srs)
    await own[Symbol.asyncDispose]()
    if (into.directory !== undefined) await followHost(this.#root(), basename(into.directory), note)
  }

  /** Changes an inventory and keeps the change for good, or does neither. */
  #commit<T>({ pool, directory }: OpenPool, change: () => T): T {
    try {
      const result = change()
      pool.db.commitForGood()
      return result
    } catch (error) {
      if (directory !== undefined) pool.db.revert()
      throw error
    }
  }

  /** Does the rest of a move after those before it. What fails is finished by the next start. */
  async #enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.#moving.then(work)
    this.#moving = done.catch((error: unknown) => {
      this.#options.log.error('a host has not finished the change of its pool', { error: messageOf(error) })
    })
    await done
  }
}
