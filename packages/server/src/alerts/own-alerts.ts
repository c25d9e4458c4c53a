import { createHash } from 'node:crypto'
import { formatId, ownConnection, parseId, type AlarmId, type AlertId } from '@nixen/api'
import type { Inventory } from '../inventory/inventory.ts'
import type { StoredAlert } from './alert-store.ts'
import type { AlertState } from './state.ts'

/** The alarm of an alert and an object: `alarm.nixen.alert-ID-HASH`; ids of objects may be too long to be part of another one. */
export function alarmOf(alert: AlertId, on: string): AlarmId {
  const hash = createHash('sha256').update(on).digest('hex').slice(0, 16)
  return formatId({ type: 'alarm', connection: ownConnection, key: `alert-${alert}-${hash}` })
}

/** Shows what holds as alarms of the inventory, and takes away those of what does not. */
export function showAlarms(inventory: Inventory, alert: StoredAlert, states: Iterable<AlertState>): void {
  for (const { on, phase, message, fired, since } of states) {
    const id = alarmOf(alert.id, on)
    if (phase !== 'firing' && phase !== 'clearing') {
      inventory.remove('alarm', id)
      continue
    }
    const before = inventory.get('alarm', id)
    if (before?.message === message && before.severity === alert.severity) continue
    // Jobs, repositories and certificates are no objects of the inventory.
    const parts = parseId(on)
    const object = parts ? { on: formatId(parts) } : {}
    inventory.put('alarm', {
      id,
      connection: ownConnection,
      name: `alert_${alert.condition.kind.replaceAll('-', '_')}`,
      message,
      severity: alert.severity,
      ...object,
      time: fired ?? since,
    })
  }
}

export function removeAlarms(inventory: Inventory, alert: AlertId, objects: Iterable<string>): void {
  for (const on of objects) inventory.remove('alarm', alarmOf(alert, on))
}
