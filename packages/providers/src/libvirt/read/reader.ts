import { forEachConcurrent, type Clock, type Log } from '@nixen/core'
import {
  constants as c,
  inventoryEvents,
  optional,
  type Domain,
  type LibvirtEvent,
  type StoragePool,
} from '@nixen/libvirt'
import { isGone } from '../errors.ts'
import type { Link } from '../link.ts'
import type { Model } from '../model/model.ts'
import { listDomains, readDomainRow } from './domains.ts'
import { readGuest, valuesOf } from './guest.ts'
import { listNetworks, readHost, readHostNics, readNetwork } from './host.ts'
import { equal } from '../../stable.ts'
import { listPools, listVolumes, readPool, readVolume } from './storage.ts'

/** Calls under way at once: enough that the daemon never waits for us. */
const overlap = 32
/** Milliseconds between two looks at what no event tells: autostart, snapshots, volumes. */
const tick = 5000
/** Milliseconds in which everything is read anew, whatever events said. */
const sweep = 300_000
/** Milliseconds between two questions to the agent of a guest. */
const guestPause = 60_000

/** Keeps a model as the daemon has it: everything once, then what events name, and from time to time what no event tells of. */
export class Reader {
  readonly #link: Link
  readonly #model: Model
  readonly #clock: Clock
  readonly #log: Log
  readonly #domains = new Set<string>()
  readonly #pools = new Set<string>()
  readonly #networks = new Set<string>()
  /** Guests whose agents are asked next. */
  readonly #guests = new Set<string>()
  #isNicsDirty = false
  #wake: (() => void) | undefined
  #sweepAt = 0

  constructor({ link, model, clock, log }: { link: Link; model: Model; clock: Clock; log: Log }) {
    this.#link = link
    this.#model = model
    this.#clock = clock
    this.#log = log
  }

  /** Something was done: what was touched is read again at once. */
  touch(what: {
    readonly domain?: string | undefined
    readonly pool?: string | undefined
    readonly network?: string | undefined
  }): void {
    if (what.domain !== undefined) this.#domains.add(what.domain)
    if (what.pool !== undefined) this.#pools.add(what.pool)
    if (what.network !== undefined) this.#networks.add(what.network)
    this.#wake?.()
  }

  /** Reads everything, then yields whenever the model may have changed, until the connection ends. @throws what ended it */
  async *run(signal: AbortSignal): AsyncGenerator<void, void> {
    const { main } = this.#link
    const broken = new AbortController()
    void main.closed.then((error) => broken.abort(error))
    const stop = AbortSignal.any([signal, broken.signal])
    await using _listening = await main.listen(inventoryEvents, (event) => this.#told(event))
    await this.#readAll()
    yield
    const guests = this.#askGuests(stop)
    try {
      for (;;) {
        await this.#wait(stop)
        await this.#look()
        await this.#refresh()
        yield
      }
    } finally {
      broken.abort()
      await guests
    }
  }

  async #readAll(): Promise<void> {
    const { main } = this.#link
    this.#sweepAt = this.#clock.monotonic() + sweep
    this.#model.setHost(await readHost(main))
    await Promise.all([this.#readNetworks(), this.#readPools(), this.#readNics()])
    const lists = await listDomains(main)
    await forEachConcurrent(lists.all, overlap, async (dom) => {
      const row = await readDomainRow(main, dom, {
        autoStart: lists.autoStart.has(dom.uuid),
        isSaved: lists.saved.has(dom.uuid),
        hasSnapshots: lists.withSnapshots.has(dom.uuid),
        isTransient: lists.transient.has(dom.uuid),
        guest: this.#model.domains.get(dom.uuid)?.guest,
      })
      this.#put(dom.uuid, row)
    })
    this.#dropDomains(lists.all)
  }

  #put(uuid: string, row: Awaited<ReturnType<typeof readDomainRow>>): void {
    this.#model.setDomain(uuid, row)
    if (row?.spec.agent === 'connected' && !row.guest) this.#guests.add(uuid)
  }

  #dropDomains(all: readonly Domain[]): void {
    const there = new Set(all.map(({ uuid }) => uuid))
    for (const uuid of this.#model.domains.keys()) if (!there.has(uuid)) this.#model.setDomain(uuid, undefined)
  }

  async #readNics(): Promise<void> {
    const rows = await readHostNics(this.#link.main)
    const there = new Set(rows.map(({ device }) => device))
    for (const name of this.#model.hostNics.keys()) if (!there.has(name)) this.#model.setHostNic(name, undefined)
    for (const row of rows) this.#model.setHostNic(row.device, row)
  }

  async #readNetworks(): Promise<void> {
    const nets = await listNetworks(this.#link.main)
    const there = new Set(nets.map(({ uuid }) => uuid))
    for (const uuid of this.#model.networks.keys()) if (!there.has(uuid)) this.#model.setNetwork(uuid, undefined)
    for (const net of nets) this.#model.setNetwork(net.uuid, await readNetwork(this.#link.main, net))
  }

  async #readPools(): Promise<void> {
    const pools = await listPools(this.#link.main)
    const there = new Set(pools.map(({ uuid }) => uuid))
    for (const uuid of this.#model.pools.keys()) if (!there.has(uuid)) await this.#readPool(uuid, undefined)
    for (const pool of pools) await this.#readPool(pool.uuid, pool)
  }

  async #readPool(uuid: string, pool: StoragePool | undefined): Promise<void> {
    const { main } = this.#link
    const row = pool && (await readPool(main, pool))
    const vols = row ? await listVolumes(main, row) : []
    const there = new Set(vols.map(({ key }) => key))
    this.#model.setPool(uuid, row)
    for (const [key, old] of this.#model.volumes) {
      if (old.pool === uuid && !there.has(key)) this.#model.setVolume(key, undefined)
    }
    await forEachConcurrent(vols, overlap, async (vol) => {
      this.#model.setVolume(vol.key, await readVolume(main, vol, uuid))
    })
  }

  /** Looks at what no event tells, by lists: a few calls, however many domains there are. */
  async #look(): Promise<void> {
    const { main } = this.#link
    if (this.#clock.monotonic() >= this.#sweepAt) await this.#readAll()
    const lists = await listDomains(main)
    for (const dom of lists.all) {
      const row = this.#model.domains.get(dom.uuid)
      const isSame =
        row &&
        row.autoStart === lists.autoStart.has(dom.uuid) &&
        (row.power === 'suspended') ===
          (lists.saved.has(dom.uuid) || (row.spec.id !== undefined && row.power === 'suspended')) &&
        // Domains with snapshots are few: they are read each time.
        !lists.withSnapshots.has(dom.uuid) &&
        row.snapshots.length === 0
      if (!isSame) this.#domains.add(dom.uuid)
    }
    await this.#lookAtStats()
    for (const uuid of this.#model.domains.keys()) {
      if (!lists.all.some((dom) => dom.uuid === uuid)) this.#domains.add(uuid)
    }
    await this.#lookAtVolumes()
  }

  /** Memory and processors change without an event where only the next start has them. One call, however many domains there are. */
  async #lookAtStats(): Promise<void> {
    const stats = c.VIR_DOMAIN_STATS_BALLOON | c.VIR_DOMAIN_STATS_VCPU
    const flags = c.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    // Xen's driver does not have it: then the sweep finds what changed.
    const found = await optional(this.#link.main.call.connectGetAllDomainStats({ doms: [], stats, flags }))
    for (const { dom, params } of found?.retStats ?? []) {
      const spec = this.#model.domains.get(dom.uuid)?.spec
      const values = valuesOf(params)
      const differs = (name: string, known: number): boolean => {
        const value = values.get(name)
        return value !== undefined && Number(value) !== known
      }
      const isOther =
        !spec ||
        differs('balloon.current', spec.memory / 1024) ||
        differs('balloon.maximum', spec.memoryMax / 1024) ||
        differs('vcpu.current', spec.vcpus) ||
        differs('vcpu.maximum', spec.vcpusMax)
      if (isOther) this.#domains.add(dom.uuid)
    }
  }

  async #lookAtVolumes(): Promise<void> {
    for (const [uuid, row] of this.#model.pools) {
      const info = await this.#link.main.call.storagePoolGetInfo({ pool: row.pool }).catch((error: unknown) => {
        if (isGone(error)) return undefined
        throw error
      })
      if (!info) {
        this.#pools.add(uuid)
        continue
      }
      const { state, allocation } = info
      const moved = Math.abs(Number(allocation) - (row.allocation ?? 0))
      // Other programs write there as well: only what somebody would see is told.
      if ((state === c.VIR_STORAGE_POOL_RUNNING) !== row.isActive || moved > (row.capacity ?? 0) / 1000)
        this.#pools.add(uuid)
      const keys = new Set((await listVolumes(this.#link.main, row)).map(({ key }) => key))
      let known = 0
      for (const [key, { pool }] of this.#model.volumes) {
        if (pool !== uuid) continue
        known++
        if (!keys.has(key)) this.#pools.add(uuid)
      }
      if (known !== keys.size) this.#pools.add(uuid)
    }
  }

  async #refresh(): Promise<void> {
    const { main } = this.#link
    const take = (set: Set<string>): string[] => {
      const all = [...set]
      set.clear()
      return all
    }
    if (this.#isNicsDirty) {
      this.#isNicsDirty = false
      await this.#readNics()
    }
    if (this.#networks.size > 0) {
      this.#networks.clear()
      await this.#readNetworks()
    }
    const pools = take(this.#pools)
    if (pools.length > 0) {
      const there = await listPools(main)
      for (const uuid of pools)
        await this.#readPool(
          uuid,
          there.find((pool) => pool.uuid === uuid),
        )
    }
    await forEachConcurrent(take(this.#domains), overlap, async (uuid) => {
      const old = this.#model.domains.get(uuid)
      const dom = old?.dom ?? { name: '', uuid, id: -1 }
      const row = await readDomainRow(main, dom, undefined)
      this.#put(uuid, row && { ...row, guest: row.power === 'running' ? old?.guest : undefined })
      await this.#readVolumesOf(uuid)
    })
  }

  /** What a domain does shows in what its disks take. */
  async #readVolumesOf(uuid: string): Promise<void> {
    for (const disk of this.#model.domains.get(uuid)?.spec.disks ?? []) {
      const old = this.#model.volumeOf(disk)
      const row = old && (await readVolume(this.#link.main, old.vol, old.pool))
      if (old && !(row && equal(row, old))) this.#model.setVolume(old.vol.key, row)
    }
  }

  /** Asks agents, one after the other, on a connection of its own: a guest that does not answer holds only other guests. */
  async #askGuests(stop: AbortSignal): Promise<void> {
    let next = this.#clock.monotonic() + guestPause
    while (!stop.aborted) {
      const [uuid] = this.#guests
      if (uuid === undefined) {
        if (this.#clock.monotonic() >= next) {
          next = this.#clock.monotonic() + guestPause
          for (const [one, { spec }] of this.#model.domains) if (spec.agent === 'connected') this.#guests.add(one)
        }
        await this.#clock.sleep(250, { signal: stop }).catch(() => undefined)
        continue
      }
      this.#guests.delete(uuid)
      try {
        await this.#askGuest(uuid, stop)
      } catch (error) {
        if (!stop.aborted) this.#log.warn('a guest agent could not be asked', { domain: uuid, error })
      }
    }
  }

  async #askGuest(uuid: string, signal: AbortSignal): Promise<void> {
    const row = this.#model.domains.get(uuid)
    if (row?.power !== 'running') return
    const guest = await this.#link.slow(async (libvirt) => await readGuest(libvirt, row.dom), { signal })
    const now = this.#model.domains.get(uuid)
    if (!guest || now?.power !== 'running') return
    this.#model.setDomain(uuid, { ...now, guest })
    this.#wake?.()
  }

  async #wait(stop: AbortSignal): Promise<void> {
    const isWaiting = this.#domains.size + this.#pools.size + this.#networks.size > 0 || this.#isNicsDirty
    if (!isWaiting) {
      const woken = new AbortController()
      this.#wake = () => woken.abort()
      await this.#clock.sleep(tick, { signal: AbortSignal.any([stop, woken.signal]) }).catch(() => undefined)
      this.#wake = undefined
    }
    stop.throwIfAborted()
    // What belongs together comes within milliseconds of each other.
    await this.#clock.sleep(10, { signal: stop })
  }

  #told(event: LibvirtEvent): void {
    const { message } = event
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- all others are about a domain, or not asked for
    switch (event.name) {
      case 'domainEventCallbackAgentLifecycle':
        if (event.message.state === c.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED)
          this.#guests.add(event.message.dom.uuid)
        this.#domains.add(event.message.dom.uuid)
        break
      case 'networkEventLifecycle':
        this.#networks.add(event.message.net.uuid)
        break
      case 'storagePoolEventLifecycle':
      case 'storagePoolEventRefresh':
        this.#pools.add(event.message.pool.uuid)
        break
      case 'nodeDeviceEventLifecycle':
      case 'nodeDeviceEventUpdate':
        this.#isNicsDirty = true
        break
      default: {
        const uuid = domainOf(message)
        if (uuid !== undefined) this.#domains.add(uuid)
      }
    }
    this.#wake?.()
  }
}

/** Uuid of the domain that a message is about: in itself, or in what it carries. */
function domainOf(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null) return undefined
  if ('dom' in message) {
    const { dom } = message
    return typeof dom === 'object' && dom !== null && 'uuid' in dom && typeof dom.uuid === 'string'
      ? dom.uuid
      : undefined
  }
  return 'msg' in message ? domainOf(message.msg) : undefined
}
