import type { Contract } from '@nixen/api'
import type { Consoles } from '../../consoles/consoles.ts'
import type { Handler } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'

export interface ConsolePorts {
  readonly consoles: Consoles
  readonly inventory: Inventory
}

/** Tickets for the consoles of VMs and hosts. */
export function consoleHandlers({ consoles, inventory }: ConsolePorts): {
  readonly vm: Handler<Contract['vm']['console']>
  readonly host: Handler<Contract['host']['console']>
} {
  return {
    async vm({ params: { id }, input, who, info }) {
      const offered = consoles.offer({ who, type: 'vm', id, ...input }, info)
      info.note({ on: id, onName: inventory.get('vm', id)?.name ?? '' })
      return await offered
    },
    async host({ params: { id }, input, who, info }) {
      const offered = consoles.offer({ who, type: 'host', id, ...input }, info)
      info.note({ on: id, onName: inventory.get('host', id)?.name ?? '' })
      return await offered
    },
  }
}
