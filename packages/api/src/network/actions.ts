import { z } from 'zod'
import { action, creation } from '../action/action.ts'
import { NetworkId, NicId, PoolId } from '../ids/resource-id.ts'
import { flag, text, word } from '../schema/fields.ts'
import { poolCan } from '../pool/capabilities.ts'
import { networkCan } from './capabilities.ts'

const network = { type: 'network', id: NetworkId, plural: 'networks' } as const
const name = text('Name.').min(1).max(1000)
const description = text('Text for people.').max(10_000)
const mtu = z.int().min(68).max(65_535).meta({ description: 'Largest frame in bytes.' })

/** What can be done with networks. */
export const networkActions = {
  create: creation({
    type: 'pool',
    from: 'pool',
    path: '/networks',
    title: 'Create a network in NAME',
    summary:
      'Create a network: within each host, on a VLAN of a host NIC, on a bond of several, or private between hosts',
    description:
      'A private network between hosts (`tunnel`) needs a controller that joins the switches of the hosts (`pool set-sdn-controller`); without one it is refused. `bond` and `vlan` need nothing.',
    input: z.strictObject({
      pool: PoolId,
      name,
      description: description.default(''),
      mtu: mtu.optional(),
      vlan: z
        .strictObject({ nic: NicId, tag: z.int().min(0).max(4094).meta({ description: 'VLAN tag.' }) })
        .optional()
        .meta({ description: 'On the NICs of all hosts with the device of this one.' }),
      bond: z
        .strictObject({
          nics: z
            .array(NicId)
            .min(2)
            .max(4)
            .meta({ description: 'NICs of one host; those of the other hosts follow.' }),
          mode: word(['balance-slb', 'active-backup', 'lacp'], 'How traffic is spread.').default('balance-slb'),
        })
        .optional(),
      tunnel: z
        .strictObject({
          nic: NicId.meta({ description: 'NIC with an address, over which it goes; those of the other hosts follow.' }),
          protocol: word(['gre', 'vxlan'], 'How frames are wrapped.').default('vxlan'),
        })
        .optional()
        .meta({ description: 'Private between the hosts of the pool, over a network that they have.' }),
    }),
    permission: 'network:create',
    can: poolCan.update,
    cli: { verb: 'network create', args: ['pool', 'name'] },
  }),
  update: action({
    ...network,
    name: '',
    method: 'PATCH',
    title: 'Change the network NAME',
    summary: 'Change options of a network',
    input: z.strictObject({
      name: name.optional(),
      description: description.optional(),
      tags: z.array(z.string().min(1).max(200)).max(100).optional().meta({ description: 'All its tags.' }),
      mtu: mtu.optional(),
      locking: word(['unlocked', 'disabled'], 'What NICs that follow the network let through.').optional(),
      default: flag('New VMs are plugged in here.').optional(),
      nbd: word(['off', 'tls', 'insecure'], 'Whether disks may be read over it by NBD.').optional(),
    }),
    cli: { verb: 'network update' },
    permission: 'network:update',
    can: networkCan.update,
  }),
  delete: action({
    ...network,
    name: '',
    method: 'DELETE',
    title: 'Delete the network NAME',
    summary: 'Delete a network, with its VLAN or bond',
    cli: { verb: 'network delete' },
    permission: 'network:delete',
    can: networkCan.delete,
  }),
} as const
