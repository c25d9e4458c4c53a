import { z } from 'zod'
import { action } from '../action/action.ts'
import { HostId, StorageId, VmId } from '../ids/resource-id.ts'
import { bytes, count, flag, text, word } from '../schema/fields.ts'
import { vmCan } from './capabilities.ts'

const vm = { type: 'vm', id: VmId, plural: 'vms' } as const
const mib = 1024 * 1024

/** Options of a VM that can change at any time, and be given to a new one. */
export const vmOptions = {
  notes: text('Notes, in Markdown.').max(100_000).optional(),
  fields: z
    .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/), z.string().max(10_000).nullable())
    .optional()
    .meta({ description: 'Custom fields to set; null takes one away.' }),
  autoStart: flag('Starts with its host or pool.').optional(),
  ha: word(['restart', 'best-effort', 'off'], 'What high availability does for it.').optional(),
  startOrder: count('Place in the order in which VMs are started; lower ones first.').optional(),
  startDelay: count('Seconds to wait after it was started before the next ones are.').optional(),
  shutdownDelay: count('Seconds to wait after it was shut down before the next ones are.').optional(),
  cpuWeight: z
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .meta({ description: 'Its share of busy processors (256 is usual).' }),
  cpuCap: z
    .int()
    .min(0)
    .max(12_800)
    .optional()
    .meta({ description: 'Most that it gets, in percent of one processor; 0 for no limit.' }),
  afterShutdown: word(['off', 'restart'], 'What happens when the guest shuts down.').optional(),
  afterReboot: word(['off', 'restart'], 'What happens when the guest reboots.').optional(),
  afterCrash: word(['off', 'restart', 'preserve'], 'What happens when the guest crashes.').optional(),
  videoMemory: z.int().min(1).max(256).optional().meta({ description: 'Video memory in MiB.' }),
  videoCard: word(['cirrus', 'std'], 'The graphics card that it sees.').optional(),
  nested: flag('It may run virtual machines itself; from its next start on.').optional(),
  cpuMask: z
    .array(z.int().min(0).max(1023))
    .min(1)
    .max(1024)
    .nullable()
    .optional()
    .meta({ description: 'Processors of the host that it may use, from its next start on; null for all.' }),
  nicType: word(['e1000', 'rtl8139'], 'The NIC that a guest without drivers sees; from its next start on.').optional(),
  viridian: flag('Windows is offered the interfaces of Hyper-V; from its next start on.').optional(),
  serial: word(['none', 'pty'], 'Whether it has a serial console; from its next start on.').optional(),
  windowsDrivers: flag('Windows Update installs its guest drivers; only while it is halted.').optional(),
  kernelArgs: text('Arguments of the kernel of a PV guest.').max(4000).optional(),
  guestData: z
    .record(z.string().regex(/^[A-Za-z0-9_./-]{1,200}$/), z.string().max(4000).nullable())
    .optional()
    .meta({ description: 'What the guest reads in XenStore below vm-data; null takes a key away.' }),
  blocked: z
    .record(z.string(), z.string().nullable())
    .optional()
    .meta({ description: 'Actions to forbid on this VM, each with the reason; null allows one again.' }),
} as const

/** Options of VMs. Those that make sense in some states only are actions of their own. */
export const vmSettingsActions = {
  update: action({
    ...vm,
    name: '',
    method: 'PATCH',
    title: 'Change NAME',
    summary: 'Change options of a VM that can change at any time',
    input: z.strictObject({
      name: text('Name.').min(1).max(1000).optional(),
      description: text('Text for people.').max(10_000).optional(),
      tags: z.array(z.string().min(1).max(200)).max(100).optional().meta({ description: 'All its tags.' }),
      homeHost: HostId.nullable().optional().meta({ description: 'The host that it prefers; null for none.' }),
      suspendStorage: StorageId.nullable().optional().meta({
        description: 'Where its memory is saved when it is suspended; null for that of the pool.',
      }),
      ...vmOptions,
    }),
    needs: { homeHost: 'host:read', suspendStorage: 'disk:create' },
    cli: { verb: 'vm update' },
    permission: 'vm:update',
    can: vmCan.update,
  }),
  setCpus: action({
    ...vm,
    name: 'set-cpus',
    title: 'Set the processors of NAME',
    summary: 'Set the virtual processors of a VM',
    input: z.strictObject({
      count: z
        .int()
        .min(1)
        .max(256)
        .optional()
        .meta({ description: 'Virtual processors that it has or starts with.', unit: 'count' }),
      max: z
        .int()
        .min(1)
        .max(256)
        .optional()
        .meta({ description: 'Most that it can get while it runs; halted VMs only.', unit: 'count' }),
      perSocket: z
        .int()
        .min(1)
        .max(64)
        .optional()
        .meta({ description: 'Cores in each socket that the guest sees; halted VMs only.' }),
    }),
    cli: { args: ['count'] },
    permission: 'vm:configure',
    can: vmCan.setCpus,
  }),
  setMemory: action({
    ...vm,
    name: 'set-memory',
    title: 'Set the memory of NAME',
    summary: 'Set the memory of a VM',
    input: z.strictObject({
      size: bytes('Memory in bytes.')
        .min(4 * mib)
        .optional(),
      min: bytes('Lowest memory that ballooning may take it down to, in bytes.')
        .min(4 * mib)
        .optional(),
      max: bytes('Highest memory that it can get while it runs, in bytes; halted VMs only.')
        .min(4 * mib)
        .optional(),
    }),
    cli: { args: ['size'] },
    permission: 'vm:configure',
    can: vmCan.setMemory,
  }),
  setBoot: action({
    ...vm,
    name: 'set-boot',
    title: 'Set how NAME boots',
    summary: 'Set where a VM boots from, from its next start on',
    input: z.strictObject({
      order: z
        .array(z.enum(['disk', 'cd', 'network']))
        .min(1)
        .max(3)
        .refine((list) => new Set(list).size === list.length, { error: 'Each of them once.' })
        .optional()
        .meta({ description: 'What is tried, in this order.' }),
    }),
    cli: { args: ['order'] },
    permission: 'vm:configure',
    can: vmCan.setBootOrder,
  }),
  setFirmware: action({
    ...vm,
    name: 'set-firmware',
    title: 'Set the firmware of NAME',
    summary: 'Set the firmware of a halted VM',
    input: z.strictObject({ firmware: word(['bios', 'uefi'], 'How it boots.') }),
    cli: { args: ['firmware'] },
    permission: 'vm:configure',
    can: vmCan.setFirmware,
  }),
  setVirtualization: action({
    ...vm,
    name: 'set-virtualization',
    title: 'Set how NAME is virtualized',
    summary: 'Set how the processors of a halted VM are virtualized',
    input: z.strictObject({ mode: word(['hvm', 'pv', 'pvh'], 'The way.') }),
    cli: { args: ['mode'] },
    permission: 'vm:configure',
    can: vmCan.setVirtualization,
  }),
  setSecureBoot: action({
    ...vm,
    name: 'set-secure-boot',
    title: 'Set secure boot of NAME',
    summary: 'Turn secure boot of a halted UEFI VM on or off',
    input: z.strictObject({
      on: flag('Boots only what is signed.'),
      keys: word(
        ['setup', 'user'],
        'The keys of its firmware: gone, so that the guest brings its own (setup), or those of the pool (user).',
      ).optional(),
    }),
    cli: { args: ['on'] },
    permission: 'vm:configure',
    can: vmCan.setSecureBoot,
  }),
  addTpm: action({
    ...vm,
    name: 'add-tpm',
    title: 'Add a TPM to NAME',
    summary: 'Add a virtual TPM to a halted UEFI VM',
    permission: 'vm:configure',
    can: vmCan.addTpm,
  }),
  removeTpm: action({
    ...vm,
    name: 'remove-tpm',
    title: 'Remove the TPM of NAME',
    summary: 'Remove the virtual TPM of a halted VM, with what is in it',
    permission: 'vm:configure',
    can: vmCan.removeTpm,
  }),
} as const
