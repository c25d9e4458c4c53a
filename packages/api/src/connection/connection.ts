import { z } from 'zod'
import { ConnectionId } from '../ids/own-id.ts'
import { PoolId } from '../ids/resource-id.ts'
import { flag, text, time, word } from '../schema/fields.ts'
import { Failure } from '../task/task.ts'

export const providerKinds = ['xapi', 'libvirt', 'proxmox'] as const
export type ProviderKind = (typeof providerKinds)[number]

/** How a connection stands. */
export const connectionStates = ['disabled', 'connecting', 'connected', 'degraded', 'waiting', 'failed'] as const

/** Address and state of one hypervisor endpoint. Secrets never leave the server. */
export const Connection = z
  .strictObject({
    id: ConnectionId,
    kind: word(providerKinds, 'Which provider speaks to it.'),
    name: text('Name that people gave.'),
    address: text('Where it is: https://pool.example.net, qemu+ssh://host/system, …'),
    username: text('Who logs in there.').optional(),
    enabled: flag('Nixen keeps it connected.'),
    readOnly: flag('Nixen refuses every action on it.'),
    fingerprint: text('Pinned SHA-256 fingerprint of the certificate or host key, hexadecimal with colons.').optional(),
    state: word(
      connectionStates,
      'disabled; connecting; connected; degraded: some of it cannot be reached; waiting: tries again at `retryAt`; failed: needs somebody.',
    ),
    since: time('Since when it is in this state.'),
    retryAt: time('When the next attempt is made.').optional(),
    error: Failure.optional().meta({ description: 'Why it is not connected.' }),
    pool: PoolId.optional().meta({ description: 'Its pool, once known.' }),
    product: text('Product and version at the other end.').optional(),
    activeAddress: text('The member that is spoken to now, after a failover.').optional(),
    unsupported: z.record(z.string(), z.string()).optional().meta({
      description:
        'Actions of the capability tables that the other end cannot do (vm:suspend, vm:snapshotWithMemory, …), each with the reason.',
    }),
  })
  .meta({ id: 'Connection', description: 'Address and state of one hypervisor endpoint.' })
export type Connection = z.infer<typeof Connection>
