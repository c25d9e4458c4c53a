import { typeOfId, type ConnectionId, type InventoryObjects, type ResourceId, type ResourceType } from '@nixen/api'
import type { KnownObjects, ObjectChange } from '../provider.ts'
import { stabilize } from '../stable.ts'
import { buildHost, buildHostNic, buildNetwork, buildPool } from './build/host.ts'
import { buildDisk, buildStorage } from './build/storage.ts'
import { buildDomain } from './build/vm.ts'
import { builtInTemplates } from './build/templates.ts'
import { Model } from './model/model.ts'

type AnyObject = InventoryObjects[ResourceType]

/** Objects told at once. */
const batchSize = 500

/** Nixen's resources, made from what libvirt says. Change the model, then take what has to be told. */
export class LibvirtInventory {
  readonly model: Model
  readonly #known: KnownObjects
  readonly #told = new Map<ResourceId, AnyObject>()
  /** Ids that were made from a row: what a row does not give any more is gone. */
  readonly #ofRow = new Map<string, readonly ResourceId[]>()

  constructor(connection: ConnectionId, known: KnownObjects = () => undefined) {
    this.model = new Model(connection)
    this.#known = known
  }

  /** What has to be told since the last time, in batches. */
  *flush(): Generator<readonly ObjectChange[], void> {
    const { model } = this
    const dirty = model.takeDirty()
    let batch: ObjectChange[] = []
    const take = function* (changes: readonly ObjectChange[]): Generator<readonly ObjectChange[], void> {
      batch.push(...changes)
      if (batch.length < batchSize) return
      yield batch
      batch = []
    }
    const { host } = model
    if (host) {
      yield* take(this.#row('pool', [buildPool(model, host)]))
      yield* take(this.#row('host', [buildHost(model, host)]))
      yield* take(this.#row('templates', builtInTemplates(model)))
    }
    for (const key of dirty.networks) {
      const row = model.networks.get(key)
      yield* take(this.#row(`network ${key}`, row ? [buildNetwork(model, row)] : []))
    }
    for (const key of dirty.hostNics) {
      const row = model.hostNics.get(key)
      yield* take(this.#row(`nic ${key}`, row ? [buildHostNic(model, row)] : []))
    }
    // A storage says whether it is the default one, and that may be another's doing.
    for (const key of dirty.pools.size > 0 ? new Set([...dirty.pools, ...model.pools.keys()]) : []) {
      const row = model.pools.get(key)
      yield* take(this.#row(`storage ${key}`, row ? [buildStorage(model, key, row)] : []))
    }
    for (const key of dirty.volumes) {
      const row = model.volumes.get(key)
      yield* take(this.#row(`disk ${key}`, row ? [buildDisk(model, row)] : []))
    }
    for (const key of dirty.domains) {
      const row = model.domains.get(key)
      yield* take(this.#row(`domain ${key}`, row ? buildDomain(model, key, row) : []))
    }
    if (batch.length > 0) yield batch
  }

  /** What is new of the objects of a row. */
  #row(key: string, objects: readonly AnyObject[]): ObjectChange[] {
    const changes: ObjectChange[] = []
    const ids = objects.map(({ id }) => id)
    for (const id of this.#ofRow.get(key) ?? []) {
      if (ids.some((one) => one === id)) continue
      this.#told.delete(id)
      changes.push({ kind: 'remove', type: typeOfId(id), id })
    }
    if (ids.length > 0) this.#ofRow.set(key, ids)
    else this.#ofRow.delete(key)
    for (const object of objects) {
      const told = this.#told.get(object.id)
      // Both have the same id, so the same type.
      const next = stabilize(told ?? this.#known(object.id), object)
      if (next === told) continue
      this.#told.set(object.id, next)
      // The id says the type of the object.
      changes.push({ kind: 'upsert', type: typeOfId(object.id), id: object.id, object: next } as ObjectChange)
    }
    return changes
  }
}
