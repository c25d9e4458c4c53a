import type { z } from 'zod'
import { Alarm } from '../alarm/alarm.ts'
import { Connection } from '../connection/connection.ts'
import { Disk } from '../disk/disk.ts'
import { Host } from '../host/host.ts'
import { Network } from '../network/network.ts'
import { Nic } from '../nic/nic.ts'
import { Pool } from '../pool/pool.ts'
import { Snapshot } from '../snapshot/snapshot.ts'
import { Storage } from '../storage/storage.ts'
import { Task } from '../task/task.ts'
import { Template } from '../template/template.ts'
import { Vm } from '../vm/vm.ts'

/** The schema of each type of object in the inventory. */
export const inventorySchemas = {
  connection: Connection,
  pool: Pool,
  host: Host,
  vm: Vm,
  template: Template,
  snapshot: Snapshot,
  storage: Storage,
  disk: Disk,
  network: Network,
  nic: Nic,
  task: Task,
  alarm: Alarm,
} as const

/** What the inventory holds: the resources of all connections, and the connections themselves. */
export type InventoryType = keyof typeof inventorySchemas
/** The object of each type. */
export type InventoryObjects = { [T in InventoryType]: z.infer<(typeof inventorySchemas)[T]> }
/** An object of any type, or of type `T`. */
export type InventoryObject<T extends InventoryType = InventoryType> = InventoryObjects[T]
/** All types, in the order in which they are listed. */
// `Object.keys` of a constant has its keys.
export const inventoryTypes = Object.keys(inventorySchemas) as readonly InventoryType[]

/**
 * One change of one object, shallow (DESIGN: deltas). With `set` or `unset` these fields got new values or are gone; an
 * object that was not there before comes as a `set` of all its fields. `gone` removes it.
 */
export type Delta<T extends InventoryType = InventoryType> = T extends InventoryType
  ? { readonly seq: number; readonly type: T; readonly id: InventoryObject<T>['id'] } & (
      | { readonly set?: Partial<InventoryObject<T>>; readonly unset?: readonly string[]; readonly gone?: undefined }
      | { readonly gone: true }
    )
  : never

/** The whole inventory that a user may see, at one moment. */
export interface InventorySnapshot {
  /** Names the view: which server run, which user, which permissions. Deltas of another view do not fit. */
  readonly view: string
  /** Number of the last delta that is in it. */
  readonly seq: number
  /** Epoch milliseconds. */
  readonly at: number
  readonly objects: { readonly [T in InventoryType]: readonly InventoryObject<T>[] }
}
