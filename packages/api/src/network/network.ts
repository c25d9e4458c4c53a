import { z } from 'zod'
import { ConnectionId } from '../ids/own-id.ts'
import { NetworkId, PoolId } from '../ids/resource-id.ts'
import { count, flag, tags, text, word } from '../schema/fields.ts'

/** A switch that NICs of VMs and hosts are plugged into. */
export const Network = z
  .strictObject({
    id: NetworkId,
    connection: ConnectionId,
    pool: PoolId,
    name: text('Name that people gave.'),
    description: text('Text that people wrote.').optional(),
    tags,
    kind: word(
      ['external', 'internal', 'nat', 'tunnel', 'other'],
      'Through a NIC of the hosts, within them, translated, or between them.',
    ),
    bridge: text('Name of the bridge on the hosts.').optional(),
    mtu: count('Largest packet, in bytes.').optional(),
    vlan: count('VLAN tag of its host NICs, when all have the same.').optional(),
    nics: count('Number of NICs of VMs on it.'),
    default: flag('New VMs are plugged in here.').optional(),
    nbd: flag('Disks may be read over it by NBD.').optional(),
  })
  .meta({ id: 'Network', description: 'A switch that NICs of VMs and hosts are plugged into.' })
export type Network = z.infer<typeof Network>
