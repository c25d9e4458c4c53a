import type { Alarm, ResourceId } from '@nixen/api'
import type { RecordHandler } from '../model/handler.ts'
import type { Model } from '../model/model.ts'
import type { MessageRow } from '../model/rows.ts'

/** `message`: what the pool has to say. They come and go, and never change. */
export const messageHandler: RecordHandler<'message'> = {
  put(model, ref, record) {
    const old = model.messages.get(ref)
    const id = old?.id ?? model.id('alarm', record.uuid, ref)
    const alarm: Alarm = {
      id,
      connection: model.connection,
      name: record.name,
      message: textOf(record.name, record.body),
      severity: severityOf(record.priority),
      time: record.timestamp,
    }
    model.messages.set(ref, { id, alarm, class: record.cls, uuid: record.obj_uuid, built: old?.built })
    model.messagesByUuid.move(ref, old?.uuid, record.obj_uuid)
    model.mark('message', ref)
  },
  remove(model, ref) {
    const old = model.messages.get(ref)
    if (!old) return
    model.messages.delete(ref)
    model.messagesByUuid.move(ref, old.uuid, undefined)
    if (old.built) model.markGone(old.built.id)
  },
}

/**
 * Priorities of XAPI (`api_messages.ml`): 1 data will be lost, 2 service will be lost, 3 service is worse, 4 service is back,
 * 5 for information. A larger number is never worse.
 */
function severityOf(priority: number): Alarm['severity'] {
  if (priority <= 2) return 'critical'
  return priority === 3 ? 'warning' : 'info'
}

/** The body; the name in words where the body says nothing, or is XML for programs. */
function textOf(name: string, body: string): string {
  const words = name.charAt(0).toUpperCase() + name.slice(1).toLowerCase().replaceAll('_', ' ')
  const alarm = name === 'ALARM' ? /^value:\s*(\S+)\s+config:[^]*?<name value="([^"]{1,60})"/.exec(body) : null
  if (alarm) return `${alarm[2]} is ${alarm[1]}.`
  const text = body.trim()
  return text === '' || text.startsWith('<') ? words : text
}

export function buildAlarm(model: Model, row: MessageRow): Alarm {
  const on = subjectOf(model, row)
  return on ? { ...row.alarm, on } : { ...row.alarm }
}

function subjectOf(model: Model, { class: cls, uuid }: MessageRow): ResourceId | undefined {
  if (uuid === '') return undefined
  switch (cls) {
    case 'VM': {
      const [ref = ''] = model.vmsByUuid.of(uuid)
      const vm = model.vms.get(ref)
      return vm && vm.kind !== 'control' ? vm.id : undefined
    }
    case 'Host':
      return model.id('host', uuid, uuid)
    case 'SR':
      return model.id('storage', uuid, uuid)
    case 'Pool':
      return model.id('pool', uuid, uuid)
    case 'VDI':
      return model.id('disk', uuid, uuid)
    default:
      return undefined
  }
}
