import { alertErrors } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Alerts } from '../../alerts/alerts.ts'
import type { GroupHandlers } from '../../http/handler.ts'

export interface AlertHandlerPorts {
  readonly alerts: Alerts
  readonly clock: Clock
}

/** Rules that tell people when something needs them. */
export function alertHandlers({ alerts, clock }: AlertHandlerPorts): GroupHandlers<'alert'> {
  return {
    list: () => Promise.resolve({ items: alerts.list() }),
    active: () => Promise.resolve({ items: alerts.active() }),
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
