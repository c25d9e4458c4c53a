import type { Authenticator } from '../../auth/authenticator.ts'
import type { Principal } from '../../auth/principal.ts'
import { StreamAnswer, type GroupHandlers } from '../../http/handler.ts'
import { follow } from '../../inventory/follow.ts'
import type { Views } from '../../inventory/views.ts'
import { writeSnapshot } from '../../inventory/write-snapshot.ts'
import type { ReadPorts } from './read-handlers.ts'

export interface InventoryPorts extends ReadPorts {
  readonly views: Views
  readonly authenticator: Authenticator
  readonly version: string
}

/** The whole inventory, and what changes of it. */
export function inventoryHandlers({
  views,
  clock,
  version,
  authenticator,
}: InventoryPorts): GroupHandlers<'inventory'> {
  return {
    async snapshot({ input: { types }, who }) {
      const view = views.of(who.access, types)
      return new StreamAnswer(writeSnapshot(view, clock.now()), {
        type: 'application/json; charset=utf-8',
        compress: true,
      })
    },
    async events({ input: { since, types }, who, info }) {
      const view = views.of(who.access, types)
      const stillAllowed = watchPermissions(authenticator, who)
      const { signal, lastEventId } = info
      const chunks = follow({ view, since: lastEventId ?? since, version, signal, stillAllowed })
      return new StreamAnswer(chunks, { type: 'text/event-stream', compress: false })
    },
  }
}

/** Looks again at who is asking each time that something about people changed, and every minute (sessions end). */
function watchPermissions(authenticator: Authenticator, who: Principal): () => Promise<boolean> {
  let seen = authenticator.epoch
  let checked = performance.now()
  return async () => {
    if (seen === authenticator.epoch && performance.now() - checked < 60_000) return true
    seen = authenticator.epoch
    checked = performance.now()
    const now = await authenticator.again(who)
    return now?.access.key === who.access.key
  }
}
