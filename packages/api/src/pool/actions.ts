import { z } from 'zod'
import { action } from '../action/action.ts'
import { NetworkId, PoolId, StorageId } from '../ids/resource-id.ts'
import { count, flag, text } from '../schema/fields.ts'
import { poolCan } from './capabilities.ts'

const pool = { type: 'pool', id: PoolId, plural: 'pools' } as const

const rolling = z.strictObject({
  afresh: flag('Begin with the first host again, also after an interruption.').default(false),
})

/** What can be done with pools. */
export const poolActions = {
  update: action({
    ...pool,
    name: '',
    method: 'PATCH',
    title: 'Change the pool NAME',
    summary: 'Change options of a pool',
    input: z.strictObject({
      name: text('Name.').min(1).max(1000).optional(),
      description: text('Text for people.').max(10_000).optional(),
      tags: z.array(z.string().min(1).max(200)).max(100).optional().meta({ description: 'All its tags.' }),
      autoStart: flag('VMs that are marked start with the pool.').optional(),
      migrationNetwork: NetworkId.nullable().optional().meta({
        description: 'Network that migrations use; null for the management network.',
      }),
      migrationCompression: flag('Memory is compressed while VMs move.').optional(),
      suspendStorage: StorageId.nullable().optional().meta({ description: 'Where memory of suspended VMs is saved.' }),
      crashDumpStorage: StorageId.nullable()
        .optional()
        .meta({ description: 'Where hosts save what is left of a crash.' }),
    }),
    needs: { migrationNetwork: 'network:read', suspendStorage: 'disk:create', crashDumpStorage: 'disk:create' },
    cli: { verb: 'pool update' },
    permission: 'pool:update',
    can: poolCan.update,
  }),
  setSdnController: action({
    ...pool,
    name: 'set-sdn-controller',
    title: 'Set the SDN controller of NAME',
    summary: 'Set which controller joins the private networks of the hosts of a pool, or none',
    description:
      'The switches of the hosts (Open vSwitch) connect to it over TLS. Hosts only note which tunnels there shall be: without a controller nothing passes between them.',
    input: z.strictObject({
      address: text('Name or address of the controller; null for none.').min(1).max(253).nullable(),
      port: z.int().min(1).max(65_535).default(6640).meta({ description: 'Port of the controller (OVSDB over TLS).' }),
    }),
    permission: 'pool:manage',
    can: poolCan.update,
  }),
  addHost: action({
    ...pool,
    name: 'add-host',
    title: 'Add a host to NAME',
    summary: 'Let a host join a pool; it must have no running VMs and no shared storages',
    input: z.strictObject({
      address: text('Name or address of the host that joins.').min(1).max(253),
      username: text('User of that host.').min(1).max(200).default('root'),
      password: text('Password of that host.')
        .min(1)
        .max(1000)
        .meta({ description: 'Password of that host.', format: 'password', writeOnly: true }),
      fingerprint: text('SHA-256 fingerprint of its certificate, hexadecimal with colons.').max(200).optional(),
      force: flag('Join although its CPUs or configuration differ.').default(false),
    }),
    cli: { args: ['address'] },
    permission: 'pool:manage',
    can: poolCan.addHost,
  }),
  enableHa: action({
    ...pool,
    name: 'enable-ha',
    title: 'Turn on high availability of NAME',
    summary: 'Let VMs of a pool be started elsewhere when their host dies',
    input: z.strictObject({
      storages: z.array(StorageId).min(1).max(4).meta({ description: 'Shared storages for the heartbeat.' }),
      failures: count('Failures of hosts to plan for.').optional(),
    }),
    cli: { args: ['storages'] },
    permission: 'pool:manage',
    can: poolCan.enableHa,
  }),
  disableHa: action({
    ...pool,
    name: 'disable-ha',
    title: 'Turn off high availability of NAME',
    summary: 'Turn off high availability of a pool',
    permission: 'pool:manage',
    can: poolCan.disableHa,
  }),
  rollingReboot: action({
    ...pool,
    name: 'rolling-reboot',
    title: 'Reboot the hosts of NAME one after the other',
    summary: 'Reboot all hosts of a pool, one after the other, while its VMs run on',
    description:
      'The master first; each is emptied, rebooted and waited for. High availability is off meanwhile. When it is interrupted, the same action goes on with the hosts that are left.',
    input: rolling,
    permission: 'pool:manage',
    can: poolCan.rollingReboot,
  }),
  rollingUpdate: action({
    ...pool,
    name: 'rolling-update',
    title: 'Update the hosts of NAME one after the other',
    summary: 'Install all updates on the hosts of a pool and reboot them, one after the other, while its VMs run on',
    description: 'As `pool rolling-reboot`; the updates are installed on each host after it was emptied.',
    input: rolling,
    permission: 'pool:manage',
    can: poolCan.rollingUpdate,
  }),
  resumeRolling: action({
    ...pool,
    name: 'resume-rolling',
    title: 'Go on with the hosts of NAME',
    summary: 'Go on with a rolling reboot or update that was interrupted, with the hosts that are left',
    permission: 'pool:manage',
    can: poolCan.resumeRolling,
  }),
  abandonRolling: action({
    ...pool,
    name: 'abandon-rolling',
    title: 'Give up the rolling run of NAME',
    summary:
      'Forget a rolling reboot or update that was interrupted: what is done stays, the other hosts stay as they are',
    permission: 'pool:manage',
    can: poolCan.resumeRolling,
  }),
} as const
