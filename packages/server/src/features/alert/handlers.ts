import { alertErrors, may, parseId } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Alerts } from '../../alerts/alerts.ts'
import type { Principal } from '../../auth/principal.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'

export interface AlertHandlerPorts {
  readonly alerts: Alerts
  readonly clock: Clock
  readonly inventory: Inventory
}

/** Whether somebody may know of what an alert is about: the object itself, or all of its kind where it is gone or is none of the inventory. */
function maySee(inventory: Inventory, on: string, { access }: Principal): boolean {
  const type = parseId(on)?.type
  // Jobs, repositories and connections belong to nobody's part of the inventory.
  if (type === undefined) return access.reach('alert:read') === 'all'
  const object = inventory.get(type, on)
  if (object) return may(access, `${type}:read`, object)
  return access.reach(`${type}:read`) === 'all'
}

/** Rules that tell people when something needs them. */
export function alertHandlers({ alerts, clock, inventory }: AlertHandlerPorts): GroupHandlers<'alert'> {
  return {
    list: () => Promise.resolve({ items: alerts.list() }),
    active: ({ who }) => Promise.resolve({ items: alerts.active().filter(({ on }) => maySee(inventory, on, who)) }),
    get: ({ params: { id } }) => Promise.resolve().then(() => alerts.get(id)),
    async create({ input, who, info }) {
      const alert = await alerts.create(input, who)
      info.note({ on: alert.id, onName: alert.name })
      return alert
    },
    async update({ params: { id }, input, who, info }) {
      info.note({ onName: alerts.get(id).name })
      return await alerts.update(id, input, who)
    },
    async enable({ params: { id }, input: { enabled }, info }) {
      info.note({ onName: alerts.get(id).name })
      return await alerts.enable(id, enabled)
    },
    async remove({ params: { id }, info }) {
      info.note({ onName: alerts.get(id).name })
      await alerts.remove(id)
      return undefined
    },
    async silence({ params: { id }, input: { until, for: length, reason }, info }) {
      info.note({ onName: alerts.get(id).name })
      const end = until ?? (length === undefined ? undefined : clock.now() + length)
      if (end === undefined) throw alertErrors.bad_silence()
      return await alerts.silence(id, { until: end, ...(reason === undefined ? {} : { reason }) })
    },
    async unsilence({ params: { id }, info }) {
      info.note({ onName: alerts.get(id).name })
      return await alerts.silence(id, undefined)
    },
    preview: async ({ input, who }) => await alerts.preview(input, who),
  }
}
