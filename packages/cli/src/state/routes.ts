import type { RouteMap } from '@stricli/core'
import { commonFlags, lazyCommand } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { commandGroup } from '../group.ts'
import { textParser } from '../parse.ts'
import { repoFlags } from '../repo/flags.ts'

const directory = {
  kind: 'parsed',
  parse: textParser,
  placeholder: 'DIR',
  optional: true,
} as const
const stateFlags = {
  ...commonFlags,
  state: {
    ...directory,
    brief: 'State directory of the server; NIXEN_STATE_DIR, or nixen in the state directory of the user, when left out',
  },
  config: { ...directory, brief: 'TOML file with settings that the server is started with', placeholder: 'FILE' },
} as const
const oneDirectory = (brief: string) =>
  ({ kind: 'tuple', parameters: [{ brief, parse: textParser, placeholder: 'DIR' }] }) as const

const backup = lazyCommand(async () => (await import('./backup.ts')).backup, {
  parameters: { flags: stateFlags, positional: oneDirectory('New directory for the backup') },
  docs: {
    brief: "Back up Nixen's own state (users, settings, connections, audit log, keys), also while it runs",
    fullDescription:
      'Writes a consistent copy to a new directory and checks it. It holds the keys: whoever has it can read every stored password. It does not hold the backups of VMs; those are in repositories.',
  },
})

const restore = lazyCommand(async () => (await import('./restore.ts')).restore, {
  parameters: { flags: stateFlags, positional: oneDirectory('Directory that "state backup" made') },
  docs: { brief: "Make a new state directory from a backup of Nixen's own state" },
})

const recover = lazyCommand(async () => (await import('./recover.ts')).recover, {
  parameters: {
    flags: {
      ...stateFlags,
      ...repoFlags,
      snapshot: {
        ...directory,
        brief: 'Restore point that holds it; the newest when left out',
        placeholder: 'SNAPSHOT',
      },
    },
  },
  docs: {
    brief: "Make a new state directory from a repository that holds Nixen's own state",
    fullDescription:
      'For a machine that is lost: the address of the repository and its password are all that is needed. The newest state that a metadata job stored there is taken.',
  },
})

const move = lazyCommand(async () => (await import('./move.ts')).move, {
  parameters: {
    flags: stateFlags,
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'Empty database of PostgreSQL, as postgres://user@host/database; PGPASSWORD may hold the password',
          parse: textParser,
          placeholder: 'URL',
        },
      ],
    },
  },
  docs: {
    brief: "Copy Nixen's own state of a stopped server from SQLite to PostgreSQL",
    fullDescription:
      'One transaction: at its end every table is read back and compared, and the audit log is verified. The file of SQLite and the keys stay where they are. The server uses the new place once database.url names it.',
  },
})

/** `nixen state …` */
export const stateRoutes: RouteMap<NixenContext> = commandGroup(
  { backup, restore, recover, move },
  "Back up, restore and move Nixen's own state",
)
