import { z } from 'zod'
import { ConnectionId } from '../ids/own-id.ts'
import { HostId, NetworkId, NicId, PoolId, VmId } from '../ids/resource-id.ts'
import { count, flag, text, word } from '../schema/fields.ts'

/** A network interface of a VM (VIF) or of a host (PIF). Exactly one of `vm` and `host` is there. */
export const Nic = z
  .strictObject({
    id: NicId,
    connection: ConnectionId,
    pool: PoolId,
    vm: VmId.optional().meta({ description: 'The VM that it belongs to.' }),
    host: HostId.optional().meta({ description: 'The host that it belongs to.' }),
    network: NetworkId.optional(),
    name: text('Device as its owner sees it: eth0, net0, bond0, …'),
    kind: word(['virtual', 'physical', 'bond', 'vlan', 'tunnel'], 'What it is; NICs of VMs are virtual.'),
    position: count('Place among the NICs of its owner.').optional(),
    mac: text('Hardware address, lower case with colons.').optional(),
    mtu: count('Largest packet, in bytes.').optional(),
    vlan: count('VLAN tag.').optional(),
    attached: flag('Plugged: traffic flows.'),
    carrier: flag('There is a link.').optional(),
    speed: z.int().nonnegative().optional().meta({ description: 'Speed of the link, in bit/s.', unit: 'rate' }),
    ips: z.array(z.string()).meta({ description: 'Its addresses, as the guest or the host says; IPv4 first.' }),
    management: flag('The host is managed through it.').optional(),
    locking: word(['network', 'locked', 'unlocked', 'disabled'], 'Which traffic it lets through.').optional(),
    allowedIps: z.array(z.string()).optional().meta({ description: 'Addresses that a locked NIC may use.' }),
    rateLimit: z
      .number()
      .nonnegative()
      .optional()
      .meta({ description: 'Most that it may send, in bit/s.', unit: 'rate' }),
    model: text('What the guest sees: virtio, e1000, netfront, …').optional(),
    busy: z.array(z.string()).optional().meta({ description: 'What is being done to it now: the names of actions.' }),
  })
  .meta({ id: 'Nic', description: 'A network interface of a VM or of a host.' })
export type Nic = z.infer<typeof Nic>
