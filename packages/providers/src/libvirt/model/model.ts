import { formatId, type ConnectionId, type ResourceId, type ResourceType } from '@nixen/api'
import type { DomainRow, HostNicRow, HostRow, NetworkRow, PoolRow, VolumeRow } from './rows.ts'

/** What has to be made anew. Keys are those of the maps of the model. */
export interface Dirty {
  readonly domains: ReadonlySet<string>
  readonly pools: ReadonlySet<string>
  readonly volumes: ReadonlySet<string>
  readonly networks: ReadonlySet<string>
  readonly hostNics: ReadonlySet<string>
}

/** What is known of a host, and what of it has changed since it was last told. */
export class Model {
  readonly connection: ConnectionId
  #host: HostRow | undefined
  /** By uuid. */
  readonly domains = new Map<string, DomainRow>()
  readonly pools = new Map<string, PoolRow>()
  /** By key. */
  readonly volumes = new Map<string, VolumeRow>()
  readonly networks = new Map<string, NetworkRow>()
  readonly hostNics = new Map<string, HostNicRow>()
  /** Uuids of the domains that use a volume, by its path. */
  readonly users = new Map<string, Set<string>>()
  readonly #keyOfPath = new Map<string, string>()
  #dirty = emptyDirty()

  constructor(connection: ConnectionId) {
    this.connection = connection
  }

  id<T extends ResourceType>(type: T, key: string): ResourceId<T> {
    return formatId({ type, connection: this.connection, key })
  }

  get host(): HostRow | undefined {
    return this.#host
  }

  setHost(row: HostRow): void {
    this.#host = row
  }

  setDomain(uuid: string, row: DomainRow | undefined): void {
    const old = this.domains.get(uuid)
    if (row) this.domains.set(uuid, row)
    else this.domains.delete(uuid)
    this.#dirty.domains.add(uuid)
    for (const path of pathsOf(old)) this.#unuse(path, uuid)
    for (const path of pathsOf(row)) this.#use(path, uuid)
    for (const name of [...networksOf(old), ...networksOf(row)]) {
      const found = this.networkByName(name)
      if (found) this.#dirty.networks.add(found.uuid)
    }
  }

  setPool(uuid: string, row: PoolRow | undefined): void {
    if (row) this.pools.set(uuid, row)
    else this.pools.delete(uuid)
    this.#dirty.pools.add(uuid)
  }

  setVolume(key: string, row: VolumeRow | undefined): void {
    const old = this.volumes.get(key)
    if (old) this.#keyOfPath.delete(old.path)
    if (row) {
      this.volumes.set(key, row)
      this.#keyOfPath.set(row.path, key)
    } else this.volumes.delete(key)
    this.#dirty.volumes.add(key)
    for (const pool of [old?.pool, row?.pool]) if (pool !== undefined) this.#dirty.pools.add(pool)
    for (const path of [old?.path, row?.path]) {
      for (const uuid of this.users.get(path ?? '') ?? []) this.#dirty.domains.add(uuid)
    }
  }

  setNetwork(uuid: string, row: NetworkRow | undefined): void {
    const old = this.networks.get(uuid)
    if (row) this.networks.set(uuid, row)
    else this.networks.delete(uuid)
    this.#dirty.networks.add(uuid)
    // Domains know networks by their names.
    for (const [domain, { spec }] of this.domains) {
      if (spec.nics.some(({ type, source }) => type === 'network' && (source === old?.name || source === row?.name))) {
        this.#dirty.domains.add(domain)
      }
    }
  }

  setHostNic(name: string, row: HostNicRow | undefined): void {
    if (row) this.hostNics.set(name, row)
    else this.hostNics.delete(name)
    this.#dirty.hostNics.add(name)
  }

  networkByName(name: string): NetworkRow | undefined {
    for (const row of this.networks.values()) if (row.name === name) return row
    return undefined
  }

  poolByName(name: string): PoolRow | undefined {
    for (const row of this.pools.values()) if (row.pool.name === name) return row
    return undefined
  }

  volumeByPath(path: string): VolumeRow | undefined {
    return this.volumes.get(this.#keyOfPath.get(path) ?? '')
  }

  /** The volume that a disk of a domain is on, if it is on one. */
  volumeOf(disk: DomainRow['spec']['disks'][number]): VolumeRow | undefined {
    const { backing } = disk
    if (backing.kind === 'file' || backing.kind === 'block') return this.volumeByPath(backing.path)
    if (backing.kind !== 'volume') return undefined
    const pool = this.poolByName(backing.pool)?.pool.uuid
    for (const row of this.volumes.values()) if (row.pool === pool && row.vol.name === backing.volume) return row
    return undefined
  }

  /** What has changed since the last time. */
  takeDirty(): Dirty {
    const dirty = this.#dirty
    this.#dirty = emptyDirty()
    return dirty
  }

  #use(path: string, uuid: string): void {
    const set = this.users.get(path)
    if (set) set.add(uuid)
    else this.users.set(path, new Set([uuid]))
    this.#touchPath(path)
  }

  #unuse(path: string, uuid: string): void {
    const set = this.users.get(path)
    set?.delete(uuid)
    if (set?.size === 0) this.users.delete(path)
    this.#touchPath(path)
  }

  #touchPath(path: string): void {
    const key = this.#keyOfPath.get(path)
    if (key !== undefined) this.#dirty.volumes.add(key)
  }
}

function emptyDirty() {
  return {
    domains: new Set<string>(),
    pools: new Set<string>(),
    volumes: new Set<string>(),
    networks: new Set<string>(),
    hostNics: new Set<string>(),
  }
}

/** Paths of the disks of a domain, and `pool/volume` of those that name one. */
function pathsOf(row: DomainRow | undefined): string[] {
  return (row?.spec.disks ?? []).flatMap(({ backing }) =>
    backing.kind === 'file' || backing.kind === 'block' ? [backing.path] : [],
  )
}

function networksOf(row: DomainRow | undefined): string[] {
  return (row?.spec.nics ?? []).flatMap(({ type, source }) =>
    type === 'network' && source !== undefined ? [source] : [],
  )
}
