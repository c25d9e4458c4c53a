import { z } from 'zod'
import { action } from '../action/action.ts'
import { NetworkId, NicId } from '../ids/resource-id.ts'
import { flag, text, word } from '../schema/fields.ts'
import { nicCan } from './capabilities.ts'

const nic = { type: 'nic', id: NicId, plural: 'nics' } as const
const address = text('IP address.').max(64)

/** What can be done with NICs. Those of VMs are made by `vm add-nic`. */
export const nicActions = {
  update: action({
    ...nic,
    name: '',
    method: 'PATCH',
    title: 'Change the NIC NAME',
    summary: 'Change a NIC of a VM: its network, what it lets through, how fast',
    input: z.strictObject({
      network: NetworkId.optional().meta({ description: 'Network that it is moved to, while the VM runs too.' }),
      locking: word(['network', 'locked', 'unlocked', 'disabled'], 'Which traffic it lets through.').optional(),
      allowedIps: z.array(address).max(100).optional().meta({ description: 'Addresses that a locked NIC may use.' }),
      rateLimit: z
        .number()
        .nonnegative()
        .nullable()
        .optional()
        .meta({ description: 'Most that it may send, in bit/s; null for no limit.', unit: 'rate' }),
      txChecksum: flag('Checksums are left to the other end; off for some routers and firewalls as guests.').optional(),
    }),
    needs: { network: 'nic:attach' },
    cli: { verb: 'nic update' },
    permission: 'nic:update',
    can: nicCan.limitTraffic,
  }),
  connect: action({
    ...nic,
    name: 'connect',
    title: 'Connect the NIC NAME',
    summary: 'Plug a NIC',
    permission: 'nic:update',
    can: nicCan.connect,
  }),
  disconnect: action({
    ...nic,
    name: 'disconnect',
    title: 'Disconnect the NIC NAME',
    summary: 'Unplug a NIC',
    permission: 'nic:update',
    can: nicCan.disconnect,
  }),
  setAddress: action({
    ...nic,
    name: 'set-address',
    title: 'Set the address of NAME',
    summary: 'Set how a NIC of a host gets its address',
    input: z.strictObject({
      mode: word(['none', 'dhcp', 'static', 'autoconf'], 'How; autoconf is for IPv6.'),
      family: word(['ipv4', 'ipv6'], 'Which address.').default('ipv4'),
      ip: address.default('').meta({ description: 'Its address; of IPv6 with the length of the prefix.' }),
      netmask: address.default(''),
      gateway: address.default(''),
      dns: text('Addresses of name servers, with commas.').max(200).default(''),
    }),
    cli: { args: ['mode'] },
    permission: 'nic:update',
    can: nicCan.setAddress,
  }),
  makeManagement: action({
    ...nic,
    name: 'make-management',
    title: 'Manage the host through NAME',
    summary: 'Manage a host through one of its NICs',
    permission: 'host:update',
    can: nicCan.makeManagement,
  }),
} as const
