import type { Call } from '../dispatch/call.ts'
import { compileFilter } from '../dispatch/filter.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { ClassName, Enums, Ref, Rows } from '../generated/rows.ts'

/** Messages kept; the oldest go first. */
const maxMessages = 10_000

const classOf: Readonly<Record<Enums['cls'], ClassName>> = {
  VM: 'VM',
  Host: 'host',
  SR: 'SR',
  Pool: 'pool',
  VMPP: 'VMPP',
  VMSS: 'VMSS',
  PVS_proxy: 'PVS_proxy',
  VDI: 'VDI',
  Certificate: 'Certificate',
}

/** Adds a message (an alert) about an object. */
export function addMessage(
  { db, pool }: Pick<Call, 'db' | 'pool'>,
  message: Pick<Rows['message'], 'name' | 'priority' | 'cls' | 'obj_uuid' | 'body'>,
): Ref<'message'> {
  let excess = db.count('message') - maxMessages + 1
  for (const { ref } of db.rows('message')) {
    if (excess-- <= 0) break
    db.remove(ref)
  }
  return db.insert('message', { ...message, timestamp: pool.clock.now() })
}

function records(call: Call, wanted: (message: Rows['message']) => boolean): never {
  // The dispatcher writes rows as the records they are.
  return new Map(
    [...call.db.table('message').rows].filter(([ref]) => wanted(call.db.get('message', ref as Ref<'message'>))),
  ) as never
}

export const message: MethodSet = methods('message', {
  create(call, name, priority, cls, obj_uuid, body) {
    call.db.byUuid(classOf[cls], obj_uuid)
    return addMessage(call, { name, priority, cls, obj_uuid, body })
  },

  destroy(call, self) {
    call.db.get('message', self)
    call.db.remove(self)
  },

  destroy_many(call, messages) {
    for (const ref of messages) call.db.get('message', ref)
    for (const ref of messages) call.db.remove(ref)
  },

  get(call, cls, obj_uuid, since) {
    return records(call, (m) => m.cls === cls && m.obj_uuid === obj_uuid && m.timestamp > since)
  },

  get_all(call) {
    return [...call.db.rows('message')].map(({ ref }) => ref)
  },

  get_since(call, since) {
    return records(call, (m) => m.timestamp > since)
  },

  get_record(call, self) {
    return call.db.row('message', self) as never
  },

  get_by_uuid(call, uuid) {
    return call.db.byUuid('message', uuid)
  },

  get_all_records(call) {
    return call.db.table('message').rows as never
  },

  get_all_records_where(call, expr) {
    const { cls, rows } = call.db.table('message')
    const matches = compileFilter(cls, expr)
    return new Map([...rows].filter(([, row]) => matches(row))) as never
  },

  destroy_all(call, filters) {
    for (const key of Object.keys(filters)) {
      if (!['name', 'cls', 'obj_uuid', 'priority'].includes(key)) throw fault('INVALID_VALUE', 'filters', key)
    }
    const fits = (m: Rows['message']): boolean =>
      (filters['name'] ?? m.name) === m.name &&
      (filters['cls'] ?? m.cls) === m.cls &&
      (filters['obj_uuid'] ?? m.obj_uuid) === m.obj_uuid &&
      (filters['priority'] ?? String(m.priority)) === String(m.priority)
    for (const { ref, values } of call.db.rows('message')) if (fits(values)) call.db.remove(ref)
  },
})
