import type { ConnectionId, JobId, Leftover } from '@nixen/api'
import { messageOf } from '@nixen/core'
import type { Stray } from '@nixen/providers'
import type { Connections } from '../../connections/connections.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import type { UndoJournal } from '../../tasks/undo-journal.ts'

export interface LeftoverPorts {
  readonly inventory: Inventory
  readonly connections: Connections
  readonly journal: UndoJournal
}

type Unasked = { readonly connection: ConnectionId; readonly reason: string }

/** What backups and restores have on hosts. */
export function leftoverHandlers(ports: LeftoverPorts): Pick<GroupHandlers<'point'>, 'leftovers'> {
  const { inventory, connections, journal } = ports
  return {
    async leftovers({ info: { signal } }) {
      const unasked: Unasked[] = []
      const found = await Promise.all(
        [...inventory.all('connection')].map(async ({ id }) => {
          try {
            const strays = await connections.session(id).protect.strays({ signal })
            return strays.map((stray) => shown(id, stray))
          } catch (error) {
            signal.throwIfAborted()
            unasked.push({ connection: id, reason: messageOf(error) })
            return []
          }
        }),
      )
      const steps: Leftover[] = []
      for (const { connection, what: name, created: since, task, failure, undone } of await journal.list()) {
        // Looked for once more, and most likely gone.
        if (undone !== undefined) continue
        const step = { kind: 'step', connection, name, since, kept: false, task } as const
        steps.push(failure === undefined ? step : { ...step, failure })
      }
      return { items: [...steps, ...found.flat()], unasked }
    },
  }
}

function shown(connection: ConnectionId, { kind, name, native, owner, kept, time, bytes }: Stray): Leftover {
  return {
    kind,
    connection,
    name,
    kept,
    bytes,
    native: `${native.class} ${native.uuid}`,
    ...(time > 0 ? { since: time } : {}),
    // Backups of jobs bear the id of the job.
    ...(owner === '' ? {} : { job: owner as JobId }),
  }
}
