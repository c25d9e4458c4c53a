import { typeOfId, type ConnectionId, type ResourceId, type ResourceType } from '@nixen/api'
import type { EventClassName, Records, XapiChange } from '@nixen/xapi'
import type { KnownObjects, ObjectChange, Upsert } from '../provider.ts'
import { stabilize } from '../stable.ts'
import { buildAlarm, messageHandler } from './activity/message-record.ts'
import { buildTask, taskHandler } from './activity/task-record.ts'
import { buildHost, certificateHandler, hostHandler, hostMetricsHandler } from './host/host-record.ts'
import { buildPool, poolHandler } from './host/pool-record.ts'
import type { RecordHandler } from './model/handler.ts'
import { Model, type BuiltClass } from './model/model.ts'
import { buildNetwork, networkHandler } from './network/network-record.ts'
import { buildHostNic, pifHandler, pifMetricsHandler } from './network/pif-record.ts'
import { buildVmNic, vifHandler } from './network/vif-record.ts'
import { buildStorage, pbdHandler, smHandler, srHandler } from './storage/sr-record.ts'
import { buildDisk, vdiHandler } from './storage/vdi-record.ts'
import { buildVm } from './vm/build-vm.ts'
import { guestHandler, vmMetricsHandler } from './vm/guest-record.ts'
import { vbdHandler } from './vm/vbd-record.ts'
import { vmHandler } from './vm/vm-record.ts'

const handlers = {
  pool: poolHandler,
  host: hostHandler,
  host_metrics: hostMetricsHandler,
  Certificate: certificateHandler,
  VM: vmHandler,
  VM_metrics: vmMetricsHandler,
  VM_guest_metrics: guestHandler,
  VBD: vbdHandler,
  VIF: vifHandler,
  VDI: vdiHandler,
  SR: srHandler,
  PBD: pbdHandler,
  SM: smHandler,
  PIF: pifHandler,
  PIF_metrics: pifMetricsHandler,
  network: networkHandler,
  task: taskHandler,
  message: messageHandler,
} as const satisfies { readonly [C in EventClassName]?: RecordHandler<C> }

/** Classes of XAPI that are listened to. */
export type ReadClass = keyof typeof handlers
// Keys of a constant.
export const readClasses = Object.keys(handlers) as readonly ReadClass[]

/** Objects told at once. Small enough that making them takes a few milliseconds. */
const batchSize = 500

/**
 * Nixen's resources, made from XAPI's records. Feed it changes, then take what has to be told: each resource whose records changed is
 * made once, however many of them did, and told only if it differs.
 */
export class XapiInventory {
  readonly model: Model

  readonly #known: KnownObjects

  constructor(connection: ConnectionId, known: KnownObjects = () => undefined) {
    this.model = new Model(connection)
    this.#known = known
  }

  apply(change: XapiChange<ReadClass>): void {
    if (change.operation === 'del') handlers[change.class].remove(this.model, change.ref)
    else put(this.model, change.class, change.ref, change.record)
  }

  /** What has to be told since the last time, in batches: first what is gone. Apply nothing before the last one was taken. */
  *flush(): Generator<readonly ObjectChange[], void> {
    const { gone, refs } = this.model.takeDirty()
    let batch: ObjectChange[] = gone.map((id) => ({ kind: 'remove', type: typeOfId(id), id }))
    for (const [name, list] of refs) {
      for (const ref of list) {
        builders[name]({ model: this.model, known: this.#known, batch }, ref)
        if (batch.length < batchSize) continue
        yield batch
        batch = []
      }
    }
    if (batch.length > 0) yield batch
  }
}

function put<C extends ReadClass>(model: Model, name: C, ref: string, record: Records[C]): void {
  // The table above has the handler of each class; TypeScript does not follow that through the index.
  const handler = handlers[name] as unknown as RecordHandler<C>
  handler.put(model, ref, record)
}

interface Flush {
  readonly model: Model
  readonly known: KnownObjects
  readonly batch: ObjectChange[]
}
type Builder = (flush: Flush, ref: string) => void

const builders: Readonly<Record<BuiltClass, Builder>> = {
  pool: builder(
    'pool',
    (model) => model.pools,
    (model, _, row) => buildPool(model, row),
  ),
  host: builder('host', (model) => model.hosts, buildHost),
  SR: builder('storage', (model) => model.srs, buildStorage),
  network: builder('network', (model) => model.networks, buildNetwork),
  VM: builder(undefined, (model) => model.vms, buildVm),
  VDI: builder('disk', (model) => model.vdis, buildDisk),
  VIF: builder(
    'nic',
    (model) => model.vifs,
    (model, _, row) => buildVmNic(model, row),
  ),
  PIF: builder(
    'nic',
    (model) => model.pifs,
    (model, _, row) => buildHostNic(model, row),
  ),
  task: builder(
    'task',
    (model) => model.tasks,
    (model, _, row) => buildTask(model, row),
  ),
  message: builder(
    'alarm',
    (model) => model.messages,
    (model, _, row) => buildAlarm(model, row),
  ),
}

/** Makes a resource anew and adds to the batch what changed. `type` is left out where the id tells it. */
function builder<T extends { readonly id: ResourceId }, Row extends { built: T | undefined }>(
  type: ResourceType | undefined,
  tableOf: (model: Model) => ReadonlyMap<string, Row>,
  build: (model: Model, ref: string, row: Row) => T | undefined,
): Builder {
  return ({ model, known, batch }, ref) => {
    const row = tableOf(model).get(ref)
    if (!row) return
    const old = row.built
    const made = build(model, ref, row)
    if (old && old.id !== made?.id) batch.push({ kind: 'remove', type: type ?? typeOfId(old.id), id: old.id })
    // An earlier session's object of this id is of this type.
    const before = made && (old?.id === made.id ? old : (known(made.id) as unknown as T | undefined))
    const next = made && stabilize(before, made)
    row.built = next
    if (!next || next === old) return
    // Type, id and object belong together: the object is of the type that its id says.
    batch.push({ kind: 'upsert', type: type ?? typeOfId(next.id), id: next.id, object: next } as unknown as Upsert)
  }
}
