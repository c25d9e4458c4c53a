import type { RouteMap } from '@stricli/core'
import { commonFlags, lazyCommand } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { commandGroup } from '../group.ts'
import { openFlags, targetFlags } from '../disk/flags.ts'
import { countParser, percentParser, sizeParser, textParser } from '../parse.ts'
import { listenFlags } from '../serving.ts'
import { repoFlags } from './flags.ts'

const flags = { ...commonFlags, ...repoFlags }

const optionalText = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: textParser, brief, placeholder, optional: true }) as const

const repeatedText = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: textParser, brief, placeholder, variadic: true, optional: true }) as const

const optionalCount = (brief: string) =>
  ({ kind: 'parsed', parse: countParser, brief, placeholder: 'N', optional: true }) as const

const yesOrNo = (brief: string) => ({ kind: 'boolean', brief, default: false }) as const

const selection = {
  host: optionalText('Only restore points of this host', 'NAME'),
  tag: repeatedText('Only restore points with this tag; may be repeated', 'TAG'),
}

const latestOf = {
  host: optionalText('"latest" is the newest of this host', 'NAME'),
  tag: repeatedText('"latest" is the newest with this tag; may be repeated', 'TAG'),
}

const oneSnapshot = {
  kind: 'tuple',
  parameters: [
    { brief: 'Restore point: the first digits of its id, or "latest"', parse: textParser, placeholder: 'SNAPSHOT' },
  ],
} as const

const init = lazyCommand(async () => (await import('./init.ts')).init, {
  parameters: { flags },
  docs: { brief: 'Make an empty repository' },
})

const info = lazyCommand(async () => (await import('./info.ts')).info, {
  parameters: { flags },
  docs: { brief: 'Say what a repository is and who uses it now' },
})

const snapshots = lazyCommand(async () => (await import('./snapshots.ts')).snapshots, {
  parameters: { flags: { ...flags, ...selection } },
  docs: { brief: 'List the restore points' },
})

const ls = lazyCommand(async () => (await import('./ls.ts')).ls, {
  parameters: { flags: { ...flags, ...latestOf }, positional: oneSnapshot },
  docs: { brief: 'List the files of a restore point' },
})

const backup = lazyCommand(async () => (await import('./backup.ts')).backup, {
  parameters: {
    flags: {
      ...flags,
      ...openFlags,
      host: optionalText("Name of the host in the restore point; this machine's when left out", 'NAME'),
      tag: repeatedText('Tag of the restore point; may be repeated', 'TAG'),
    },
    positional: {
      kind: 'array',
      parameter: { brief: 'Disk image of any format', parse: textParser, placeholder: 'IMAGE' },
      minimum: 1,
    },
  },
  docs: {
    brief: 'Back up the virtual disks of images as one restore point',
    fullDescription:
      'Stores what a guest sees of each image as a raw file, and vm.json, which says where it came from. Only what the repository does not hold yet is stored. Do not back up an image that a running guest writes to.',
  },
})

const restore = lazyCommand(async () => (await import('./restore.ts')).restore, {
  parameters: {
    flags: {
      ...flags,
      ...latestOf,
      disk: optionalText('Which disk, where there are several', 'PATH'),
      all: yesOrNo('Restore all disks into TARGET, a directory'),
      ...targetFlags,
      goOn: yesOrNo('Go on when data is lost, let it read as zeros and list it (exit code 3)'),
    },
    positional: {
      kind: 'tuple',
      parameters: [...oneSnapshot.parameters, { brief: 'Image to make', parse: textParser, placeholder: 'TARGET' }],
    },
  },
  docs: { brief: 'Get a disk back as an image of any format' },
})

const forget = lazyCommand(async () => (await import('./forget.ts')).forget, {
  parameters: {
    flags: {
      ...flags,
      ...selection,
      keepLast: optionalCount('Keep the newest N of each group'),
      keepHourly: optionalCount('Keep the newest of each of N hours'),
      keepDaily: optionalCount('Keep the newest of each of N days'),
      keepWeekly: optionalCount('Keep the newest of each of N weeks'),
      keepMonthly: optionalCount('Keep the newest of each of N months'),
      keepYearly: optionalCount('Keep the newest of each of N years'),
      keepWithin: {
        kind: 'parsed',
        parse: async (text: string) => {
          const { parseCalendarDuration } = await import('@nixen/backup')
          const duration = parseCalendarDuration(text)
          if (!duration) throw new SyntaxError(`"${text}" is not a duration. Write it like 1y5m7d2h.`)
          return duration
        },
        brief: 'Keep all that are younger than this, counted from the newest (1y5m7d2h)',
        placeholder: 'DURATION',
        optional: true,
      },
      keepTag: repeatedText('Keep what has all of these tags (comma between them); may be repeated', 'TAGS'),
      timeZone: optionalText("Where days begin, for example Europe/Berlin; the machine's when left out", 'ZONE'),
      dryRun: yesOrNo('Only say what would be forgotten'),
      prune: yesOrNo('Remove the data that nothing needs any more, too'),
    },
    positional: {
      kind: 'array',
      parameter: {
        brief: 'Restore points to forget, by the first digits of their ids',
        parse: textParser,
        placeholder: 'SNAPSHOT',
      },
    },
  },
  docs: {
    brief: 'Forget restore points by a policy, or by name',
    fullDescription:
      'Restore points are grouped by host and paths, and each group is looked at for itself. A policy never forgets the last one of a group. Data is not removed by this, but by "nixen repo prune".',
  },
})

const prune = lazyCommand(async () => (await import('./prune.ts')).prune, {
  parameters: {
    flags: {
      ...flags,
      dryRun: yesOrNo('Only say what would be done'),
      maxUnused: {
        kind: 'parsed',
        parse: percentParser,
        brief: 'Unused share that is not worth rewriting packs for, in percent; 5 when left out',
        placeholder: 'PERCENT',
        optional: true,
      },
      maxRepack: {
        kind: 'parsed',
        parse: sizeParser,
        brief: 'Rewrite packs of this size in all at the most',
        placeholder: 'SIZE',
        optional: true,
      },
    },
  },
  docs: { brief: 'Remove data that no restore point needs' },
})

const check = lazyCommand(async () => (await import('./check.ts')).check, {
  parameters: {
    flags: {
      ...flags,
      readData: yesOrNo('Read and verify every byte'),
      readDataSubset: {
        kind: 'parsed',
        parse: async (text: string) => (await import('@nixen/backup')).parseReadDataSubset(text),
        brief: 'Read a part: n/t, a percentage, or a size',
        placeholder: 'PART',
        optional: true,
      },
    },
  },
  docs: { brief: 'Look for damage (exit code 3: found some)' },
})

const unlock = lazyCommand(async () => (await import('./unlock.ts')).unlock, {
  parameters: { flags: { ...flags, all: yesOrNo('Remove all locks. Only when nothing uses the repository') } },
  docs: { brief: 'Remove the locks of processes that are gone' },
})

const copy = lazyCommand(async () => (await import('./copy.ts')).copy, {
  parameters: {
    flags: {
      ...flags,
      ...selection,
      toPasswordFile: optionalText(
        'File with the password of the target; NIXEN_REPO_TARGET_PASSWORD or a prompt when left out',
        'FILE',
      ),
    },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Repository to copy to, which exists', parse: textParser, placeholder: 'TARGET' }],
    },
  },
  docs: { brief: 'Copy restore points to another repository, only the chunks that it lacks' },
})

const stats = lazyCommand(async () => (await import('./stats.ts')).stats, {
  parameters: { flags },
  docs: { brief: 'Say what takes how much room: by host, deduplication, compression' },
})

const serve = lazyCommand(async () => (await import('./serve.ts')).serve, {
  parameters: {
    flags: { ...flags, ...latestOf, ...listenFlags, disk: optionalText('Which disk, where there are several', 'PATH') },
    positional: oneSnapshot,
  },
  docs: { brief: 'Serve a disk of a restore point over NBD, without restoring it' },
})

const repair = lazyCommand(async () => (await import('./repair.ts')).repair, {
  parameters: { flags },
  docs: {
    brief: 'Save what can be saved of a damaged repository (exit code 3: something is lost)',
    fullDescription:
      'Makes the index anew, reads all data, takes damaged packs out of use after copying what is whole in them, and writes new restore points beside those that lost something. Removes no pack and no restore point.',
  },
})

const rebuildIndex = lazyCommand(async () => (await import('./repair.ts')).rebuild, {
  parameters: { flags },
  docs: { brief: 'Make the index anew from the packs' },
})

const newPasswordFlags = {
  ...flags,
  newPasswordFile: optionalText(
    'File with the new password; NIXEN_REPO_NEW_PASSWORD or a prompt when left out',
    'FILE',
  ),
}

const key = commandGroup(
  {
    list: lazyCommand(async () => (await import('./key.ts')).list, {
      parameters: { flags },
      docs: { brief: 'List the keys' },
    }),
    add: lazyCommand(async () => (await import('./key.ts')).add, {
      parameters: { flags: newPasswordFlags },
      docs: { brief: 'Add a password' },
    }),
    remove: lazyCommand(async () => (await import('./key.ts')).remove, {
      parameters: {
        flags,
        positional: {
          kind: 'tuple',
          parameters: [{ brief: 'Key, by its first digits', parse: textParser, placeholder: 'KEY' }],
        },
      },
      docs: { brief: 'Remove a password' },
    }),
    passwd: lazyCommand(async () => (await import('./key.ts')).passwd, {
      parameters: { flags: newPasswordFlags },
      docs: { brief: 'Change the password' },
    }),
  },
  'The passwords of a repository',
)

/** `nixen repo …` */
export const repoRoutes: RouteMap<NixenContext> = commandGroup(
  {
    init,
    info,
    snapshots,
    ls,
    backup,
    restore,
    serve,
    forget,
    prune,
    check,
    stats,
    copy,
    key,
    unlock,
    rebuildIndex,
    repair,
  },
  'Repositories that this machine can reach, without a server (restic format)',
)
