import * as c from '../generated/constants.ts'
import { events } from '../generated/events.ts'
import type { EventType } from '../wire/procedure.ts'
import { XdrReader } from '../wire/xdr-reader.ts'

type Events = typeof events
type MessageOf<E> = E extends EventType<infer M> ? M : never

/** Something that a daemon told, with the message of its kind. */
export type LibvirtEvent = {
  readonly [K in keyof Events]: { readonly name: K; readonly message: MessageOf<Events[K]> }
}[keyof Events]

const byAddress = new Map<string, { readonly name: string; readonly type: EventType }>(
  // Each codec reads the message of its own event.
  Object.entries(events).map(([name, type]) => [`${type.program}:${type.number}`, { name, type }]),
)

/** What an event says; `undefined` for one that this version does not know. @throws libvirt.bad_xdr */
export function decodeEvent(program: number, number: number, body: Buffer): LibvirtEvent | undefined {
  const found = byAddress.get(`${program}:${number}`)
  if (!found) return undefined
  const reader = new XdrReader(body)
  const message = found.type.message?.read(reader)
  // The table gives the name and the codec of the same event.
  return { name: found.name, message } as LibvirtEvent
}

/** What a daemon can be asked to tell. Numbers are `VIR_DOMAIN_EVENT_ID_…` and its like. */
export interface EventKinds {
  readonly domain?: readonly number[] | undefined
  readonly network?: readonly number[] | undefined
  readonly storagePool?: readonly number[] | undefined
  readonly nodeDevice?: readonly number[] | undefined
  readonly secret?: readonly number[] | undefined
}

/** All that an inventory lives on. A kind that a daemon does not have is left out. */
export const inventoryEvents: EventKinds = {
  domain: [
    c.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
    c.VIR_DOMAIN_EVENT_ID_REBOOT,
    c.VIR_DOMAIN_EVENT_ID_DISK_CHANGE,
    c.VIR_DOMAIN_EVENT_ID_TRAY_CHANGE,
    c.VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE,
    c.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
    c.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
    c.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2,
    c.VIR_DOMAIN_EVENT_ID_TUNABLE,
    c.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
    c.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
    c.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
  ],
  network: [c.VIR_NETWORK_EVENT_ID_LIFECYCLE],
  storagePool: [c.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, c.VIR_STORAGE_POOL_EVENT_ID_REFRESH],
  nodeDevice: [c.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE, c.VIR_NODE_DEVICE_EVENT_ID_UPDATE],
  secret: [c.VIR_SECRET_EVENT_ID_LIFECYCLE, c.VIR_SECRET_EVENT_ID_VALUE_CHANGED],
}
