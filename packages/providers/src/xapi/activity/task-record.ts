import type { Failure, Task } from '@nixen/api'
import { XapiError, type TaskRecord } from '@nixen/xapi'
import { timeOf } from '../model/fields.ts'
import type { RecordHandler } from '../model/handler.ts'
import type { Model } from '../model/model.ts'
import type { TaskRow } from '../model/rows.ts'

/** `task`. */
export const taskHandler: RecordHandler<'task'> = {
  put(model, ref, record) {
    const old = model.tasks.get(ref)
    const id = old?.id ?? model.id('task', record.uuid, ref)
    const task = readTask(model, id, record)
    const row: TaskRow = { id, task, parent: record.subtask_of, built: old?.built }
    model.tasks.set(ref, row)
    model.subtasks.move(ref, old?.parent, row.parent)
    model.mark('task', ref)
    if (!old) model.markEach('task', model.subtasks.of(ref))
  },
  remove(model, ref) {
    const old = model.tasks.get(ref)
    if (!old) return
    model.tasks.delete(ref)
    model.subtasks.move(ref, old.parent, undefined)
    if (old.built) model.markGone(old.built.id)
    model.markEach('task', model.subtasks.of(ref))
  },
}

const states: Readonly<Record<string, Task['state']>> = {
  pending: 'running',
  success: 'succeeded',
  failure: 'failed',
  cancelling: 'cancelling',
  cancelled: 'cancelled',
}

function readTask(model: Model, id: Task['id'], record: TaskRecord): Task {
  const state = states[record.status] ?? 'running'
  const task: Task = {
    id,
    connection: model.connection,
    name: record.name_description || record.name_label,
    action: record.name_label,
    state,
    progress: Math.min(1, Math.max(0, record.progress || 0)),
    on: [],
    cancellable: (state === 'running' || state === 'cancelling') && record.allowed_operations.includes('cancel'),
    created: record.created,
  }
  const finished = timeOf(record.finished)
  if (finished !== undefined && state !== 'running' && state !== 'cancelling') task.finished = finished
  if (state === 'failed') task.error = failureOf(record.error_info)
  return task
}

function failureOf([code = 'UNKNOWN', ...params]: readonly string[]): Failure {
  return { code: `xapi.${code}`, message: `${new XapiError(code, params).message}.`, details: { params } }
}

export function buildTask(model: Model, row: TaskRow): Task {
  const parent = row.parent ? model.tasks.get(row.parent) : undefined
  return parent ? { ...row.task, parent: parent.id } : { ...row.task }
}
