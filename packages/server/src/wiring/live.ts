import type { ConnectionId } from '@nixen/api'
import { systemRandom } from '@nixen/core'
import { libvirtProvider, xapiProvider, type ProviderPorts, type ProviderSession } from '@nixen/providers'
import { OwnAlarms } from '../alarms/own-alarms.ts'
import { ConnectionStore } from '../connections/connection-store.ts'
import { Connections } from '../connections/connections.ts'
import { Inventory } from '../inventory/inventory.ts'
import { Views } from '../inventory/views.ts'
import type { Base } from './base.ts'

/** What is known of the hosts at this moment, and the way to them. */
export interface Live {
  readonly inventory: Inventory
  readonly views: Views
  readonly alarms: OwnAlarms
  readonly connections: Connections
  readonly providerPorts: ProviderPorts
  readonly session: (id: ConnectionId) => ProviderSession
}

/** The inventory and the connections that feed it, which are not begun yet. */
export function openLive({ db, vault, clock, log, options, parts }: Base): Live {
  const inventory = new Inventory()
  const views = parts.use(new Views(inventory, { clock }))
  const alarms = parts.use(new OwnAlarms({ inventory, clock }))
  const providerPorts = { clock, random: systemRandom, log }
  const store = new ConnectionStore(db, vault)
  const providers = options.providers ?? [xapiProvider, libvirtProvider]
  const connections = parts.use(new Connections({ store, inventory, providers, ports: providerPorts }))
  return { inventory, views, alarms, connections, providerPorts, session: (id) => connections.session(id) }
}
