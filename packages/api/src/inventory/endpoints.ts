import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { Alarm } from '../alarm/alarm.ts'
import { Connection } from '../connection/connection.ts'
import { Disk } from '../disk/disk.ts'
import { Host } from '../host/host.ts'
import { Network } from '../network/network.ts'
import { Nic } from '../nic/nic.ts'
import { Pool } from '../pool/pool.ts'
import { count, text, time, word } from '../schema/fields.ts'
import { Snapshot } from '../snapshot/snapshot.ts'
import { Storage } from '../storage/storage.ts'
import { Task } from '../task/task.ts'
import { Template } from '../template/template.ts'
import { Vm } from '../vm/vm.ts'
import { inventoryTypes } from './inventory.ts'

const typeWords = inventoryTypes as readonly [string, ...string[]]
const types = z
  .array(z.enum(typeWords))
  .optional()
  .meta({ description: 'Only these types of objects; all when left out.' })

const SnapshotAnswer = z
  .strictObject({
    view: text('Names the view; deltas of another view do not fit.'),
    seq: count('Number of the last delta that is in it.'),
    at: time('When it was taken.'),
    objects: z.strictObject({
      connection: z.array(Connection),
      pool: z.array(Pool),
      host: z.array(Host),
      vm: z.array(Vm),
      template: z.array(Template),
      snapshot: z.array(Snapshot),
      storage: z.array(Storage),
      disk: z.array(Disk),
      network: z.array(Network),
      nic: z.array(Nic),
      task: z.array(Task),
      alarm: z.array(Alarm),
    }),
  })
  .meta({ id: 'InventorySnapshot', description: 'The whole inventory that a user may see, at one moment.' })

const DeltaData = z
  .strictObject({
    seq: count('Goes up by one with each delta of the view.'),
    type: z.enum(typeWords),
    id: text('The object.'),
    set: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ description: 'Fields with new values; all fields of a new object.' }),
    unset: z.array(z.string()).optional().meta({ description: 'Fields that are gone.' }),
    gone: z.literal(true).optional().meta({ description: 'The object is gone.' }),
  })
  .meta({ id: 'Delta', description: 'One change of one object.' })

export const inventoryEndpoints = {
  snapshot: endpoint({
    method: 'GET',
    path: '/inventory',
    summary: 'Get all objects that you may see, to follow with events',
    input: z.strictObject({ types }),
    output: SnapshotAnswer,
    permission: 'session',
  }),
  events: endpoint({
    method: 'GET',
    path: '/inventory/events',
    summary: 'Follow the changes of the inventory',
    description:
      'Each event has the id `VIEW.SEQ` of its last delta. Send that as `Last-Event-ID`, or as `since`, to go on where it ended. When that is not possible the first event is a `reset`: get the snapshot again. A comment comes every 20 s, so that a silent connection is known to be broken.',
    input: z.strictObject({
      since: text('`VIEW.SEQ`: the view and number of the snapshot, or the id of the last event.').optional(),
      types,
    }),
    stream: {
      hello: z.strictObject({ view: z.string(), seq: z.int(), version: text('Version of the server.') }),
      deltas: z.array(DeltaData),
      reset: z.strictObject({
        reason: word(['restart', 'permissions', 'gap', 'slow'], 'Why what the client has is of no use any more.'),
      }),
    },
    permission: 'session',
  }),
} as const
