import { formatId, type ConnectionId, type PoolId, type ResourceId, type ResourceType } from '@nixen/api'
import { RefIndex, Tally } from './ref-index.ts'
import type * as rows from './rows.ts'

/** Classes of XAPI whose objects become resources. */
export const builtClasses = ['pool', 'host', 'SR', 'network', 'VM', 'VDI', 'VIF', 'PIF', 'task', 'message'] as const
export type BuiltClass = (typeof builtClasses)[number]

/** Longer keys make no id; a host that has such a uuid is named by its reference. */
const maxKeyLength = 200
/** The one key of tallies that count for the whole pool. */
export const all = 'all'

/**
 * What is known of a pool: a lean row for each record, who belongs to whom, and which resources have to be made anew. Whoever
 * changes a row marks what is made from it.
 */
export class Model {
  readonly connection: ConnectionId
  readonly pools = new Map<string, rows.PoolRow>()
  readonly hosts = new Map<string, rows.HostRow>()
  readonly hostMetrics = new Map<string, rows.HostMetricsRow>()
  readonly vms = new Map<string, rows.VmRow>()
  readonly vmMetrics = new Map<string, rows.VmMetricsRow>()
  readonly guests = new Map<string, rows.GuestRow>()
  readonly vbds = new Map<string, rows.VbdRow>()
  readonly vdis = new Map<string, rows.VdiRow>()
  readonly vifs = new Map<string, rows.VifRow>()
  readonly pifs = new Map<string, rows.PifRow>()
  readonly pifMetrics = new Map<string, rows.PifMetricsRow>()
  readonly networks = new Map<string, rows.NetworkRow>()
  readonly srs = new Map<string, rows.SrRow>()
  readonly pbds = new Map<string, rows.PbdRow>()
  readonly sms = new Map<string, rows.SmRow>()
  readonly certificates = new Map<string, rows.CertificateRow>()
  readonly tasks = new Map<string, rows.TaskRow>()
  readonly messages = new Map<string, rows.MessageRow>()

  /** The host, VM or PIF that a record of metrics is about. */
  readonly metricsOwner = new Map<string, string>()
  readonly vbdsOfVm = new RefIndex()
  readonly vbdsOfVdi = new RefIndex()
  readonly vifsOfVm = new RefIndex()
  readonly snapshotsOfVm = new RefIndex()
  readonly snapshotsOfVdi = new RefIndex()
  readonly pbdsOfSr = new RefIndex()
  readonly pifsOfNetwork = new RefIndex()
  readonly subtasks = new RefIndex()
  /** VMs and messages by the uuid that messages name. */
  readonly vmsByUuid = new RefIndex()
  readonly messagesByUuid = new RefIndex()
  readonly disksOfSr: Tally = new Tally((sr) => this.mark('SR', sr))
  readonly nicsOfNetwork: Tally = new Tally((network) => this.mark('network', network))
  readonly vmsOfHost: Tally = new Tally((host) => this.mark('host', host))
  readonly vmCount: Tally = new Tally(() => this.markPool())
  readonly runningCount: Tally = new Tally(() => this.markPool())

  readonly #dirty = new Map<BuiltClass, Set<string>>(builtClasses.map((name) => [name, new Set()]))
  /** Everything is made anew: at the start, and when something changed that nearly everything refers to. */
  #allDirty = true
  readonly #gone: ResourceId[] = []

  constructor(connection: ConnectionId) {
    this.connection = connection
  }

  /** The id of an object; by its reference when its uuid makes none. */
  id<T extends ResourceType>(type: T, uuid: string, ref: string): ResourceId<T> {
    const key = uuid !== '' && uuid.length <= maxKeyLength ? uuid : ref.slice(0, maxKeyLength)
    return formatId({ type, connection: this.connection, key })
  }

  /** The id of the pool, which nearly every object has; `undefined` before its record has come. */
  get pool(): PoolId | undefined {
    for (const { id } of this.pools.values()) return id
    return undefined
  }

  mark(name: BuiltClass, ref: string | null | undefined): void {
    if (this.#allDirty || !ref) return
    this.#dirty.get(name)?.add(ref)
  }

  markEach(name: BuiltClass, refs: Iterable<string>): void {
    if (this.#allDirty) return
    for (const ref of refs) this.mark(name, ref)
  }

  /** Marks the objects of a class whose row says so: for changes so rare that no index pays. */
  markWhere<Row>(name: BuiltClass, table: ReadonlyMap<string, Row>, wanted: (row: Row) => boolean): void {
    if (this.#allDirty) return
    for (const [ref, row] of table) if (wanted(row)) this.mark(name, ref)
  }

  markPool(): void {
    this.markEach('pool', this.pools.keys())
  }

  markAll(): void {
    this.#allDirty = true
  }

  /** An object that was told and is no more. */
  markGone(id: ResourceId): void {
    this.#gone.push(id)
  }

  /** Takes what has to be told: objects that are gone, and references to make anew, class by class. */
  takeDirty() {
    const gone = this.#gone.splice(0)
    const refs = new Map<BuiltClass, readonly string[]>()
    for (const name of builtClasses) {
      refs.set(name, [...(this.#allDirty ? this.#table(name).keys() : (this.#dirty.get(name) ?? []))])
      this.#dirty.get(name)?.clear()
    }
    this.#allDirty = false
    return { gone, refs }
  }

  #table(name: BuiltClass): ReadonlyMap<string, unknown> {
    switch (name) {
      case 'pool':
        return this.pools
      case 'host':
        return this.hosts
      case 'SR':
        return this.srs
      case 'network':
        return this.networks
      case 'VM':
        return this.vms
      case 'VDI':
        return this.vdis
      case 'VIF':
        return this.vifs
      case 'PIF':
        return this.pifs
      case 'task':
        return this.tasks
      case 'message':
        return this.messages
    }
  }
}
