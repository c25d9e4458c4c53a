import type { RouteMap } from '@stricli/core'
import { commonFlags, lazyCommand } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { commandGroup } from '../group.ts'
import { targetFlags } from '../disk/flags.ts'
import { textParser } from '../parse.ts'
import { repoFlags } from '../repo/flags.ts'

const optionalText = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: textParser, brief, placeholder, optional: true }) as const

const sourceFlags = {
  ...commonFlags,
  keyFile: optionalText('File with the key of an encrypted remote; NIXEN_XO_KEY when left out', 'FILE'),
} as const
const source = {
  kind: 'tuple',
  parameters: [
    { brief: 'Folder of the remote: the one that holds xo-vm-backups', parse: textParser, placeholder: 'FOLDER' },
  ],
} as const
const conversionFlags = {
  ...sourceFlags,
  ...repoFlags,
  vm: optionalText('Only the backups of this VM, by its uuid', 'UUID'),
} as const

const plan = lazyCommand(async () => (await import('./plan.ts')).plan, {
  parameters: { flags: conversionFlags, positional: source },
  docs: {
    brief: 'Say which backups would become restore points, and which cannot be read and why',
    fullDescription: 'Opens the chain of each disk and reads none of them. Nothing is written, neither here nor there.',
  },
})

const apply = lazyCommand(async () => (await import('./apply.ts')).apply, {
  parameters: {
    flags: {
      ...conversionFlags,
      work: optionalText(
        'Folder for exports that must be unpacked; the folder for temporary files when left out',
        'DIR',
      ),
    },
    positional: source,
  },
  docs: {
    brief: 'Make restore points of the backups (exit code 3: some could not be read)',
    fullDescription:
      'The source is only read. What was made of a backup before is not made again, so a conversion that was stopped goes on where it was.',
  },
})

const config = lazyCommand(async () => (await import('./config.ts')).config, {
  parameters: {
    flags: {
      ...sourceFlags,
      file: optionalText('An exported configuration, instead of the newest one in the remote', 'FILE'),
    },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Folder of the remote', parse: textParser, placeholder: 'FOLDER', optional: true }],
    },
  },
  docs: { brief: 'Say what jobs, schedules, remotes and users would be here, to be looked at' },
})

const restore = lazyCommand(async () => (await import('./restore.ts')).restore, {
  parameters: {
    flags: {
      ...sourceFlags,
      ...targetFlags,
      disk: optionalText('Which disk, by its uuid or name, where there are several', 'DISK'),
      work: optionalText(
        'Folder for exports that must be unpacked; the folder for temporary files when left out',
        'DIR',
      ),
    },
    positional: {
      kind: 'tuple',
      parameters: [
        ...source.parameters,
        {
          brief: 'File of the backup, as "plan --json" has it, or the end of it',
          parse: textParser,
          placeholder: 'BACKUP',
        },
        {
          brief: 'Image to make: raw, VHD, qcow2, … by the ending of its name',
          parse: textParser,
          placeholder: 'TARGET',
        },
      ],
    },
  },
  docs: { brief: 'Restore a disk of a backup to an image file, without converting anything' },
})

const xo = commandGroup(
  { plan, apply, restore, config },
  'From Xen Orchestra: its backups, and its configuration as a plan',
)

/** `nixen import xo …` */
export const importRoutes: RouteMap<NixenContext> = commandGroup({ xo }, 'Take over what other programs made')
