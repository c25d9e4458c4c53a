import { AlarmId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Alarm } from './alarm.ts'

/** Reading alarms. */
export const alarmEndpoints = readEndpoints({
  type: 'alarm',
  plural: 'alarms',
  schema: Alarm,
  id: AlarmId,
  columns: ['time', 'severity', 'message', 'on', 'id'],
})
