import type { Records } from '@nixen/xapi'
import { kindOf, type Fields, type Text } from './fields.ts'
import type { PoolRecords } from './records.ts'

/** `task` of the pool. */
export function taskTruth(db: PoolRecords, record: Records['task']): Fields {
  const words: Text = { pending: 'running', success: 'succeeded', failure: 'failed' }
  const ended = record.status !== 'pending' && record.status !== 'cancelling'
  const [code = '', ...params] = record.error_info
  return {
    id: db.id('task', record),
    connection: db.connection,
    name: record.name_description || record.name_label,
    action: record.name_label,
    state: words[record.status] ?? record.status,
    progress: record.progress,
    on: [],
    parent: db.idOf('task', 'task', record.subtask_of),
    cancellable: !ended && record.allowed_operations.includes('cancel'),
    created: record.created,
    finished: ended ? record.finished : undefined,
    error:
      record.status === 'failure'
        ? {
            code: `xapi.${code}`,
            message: `The host answered ${code}${params.length > 0 ? ` (${params.join(', ')})` : ''}.`,
            details: { params },
          }
        : undefined,
  }
}

/** `message`. */
export function alarmTruth(db: PoolRecords, record: Records['message']): Fields {
  const vm = [...db.tables.VM.values()].find(({ uuid }) => uuid === record.obj_uuid)
  const types: Text = { Host: 'host', SR: 'storage', Pool: 'pool', VDI: 'disk' }
  const type = record.cls === 'VM' ? vm && kindOf(vm) : types[record.cls]
  return {
    id: db.id('alarm', record),
    connection: db.connection,
    name: record.name,
    message: record.body || record.name.slice(0, 1) + record.name.slice(1).toLowerCase().replaceAll('_', ' '),
    severity: record.priority < 3 ? 'critical' : record.priority > 3 ? 'info' : 'warning',
    on: type && `${type}.${db.connection}.${record.obj_uuid}`,
    time: record.timestamp,
  }
}
