import type { RouteMap } from '@stricli/core'
import { parseDuration } from '@nixen/core'
import { commonFlags, lazyCommand } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { commandGroup } from '../group.ts'
import { countParser, portParser, textParser } from '../parse.ts'

const applianceFlags = {
  ...commonFlags,
  config: {
    kind: 'parsed',
    parse: textParser,
    brief: 'File that the NixOS module writes; /etc/nixen/appliance.json when left out',
    placeholder: 'FILE',
    optional: true,
  },
} as const

const status = lazyCommand(async () => (await import('./run.ts')).status, {
  parameters: { flags: applianceFlags },
  docs: {
    brief: 'Which generation runs and boots, whether Nixen answers, how updates ended',
    fullDescription:
      'Exit code 3 when Nixen does not answer, or when the machine runs another system than the one that it would boot.',
  },
})

const update = lazyCommand(async () => (await import('./run.ts')).update, {
  parameters: {
    flags: applianceFlags,
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'inputs (all of the flake), nixpkgs, nixen, or configuration (what is there, without newer inputs)',
          parse: textParser,
          placeholder: 'KIND',
        },
      ],
    },
  },
  docs: {
    brief: 'Update the machine; go back if Nixen does not answer then',
    fullDescription:
      "Builds a copy of the configuration with newer inputs, copies Nixen's own state, activates what was built, and asks Nixen. Only when it answers does the new system become what boots, and the new flake.lock the user's. Otherwise, or when it is interrupted, the machine goes back to what it ran.",
  },
})

const rollback = lazyCommand(async () => (await import('./run.ts')).rollback, {
  parameters: {
    flags: {
      ...applianceFlags,
      to: {
        kind: 'parsed',
        parse: countParser,
        brief: 'Number of the generation; the one before when left out',
        placeholder: 'NUMBER',
        optional: true,
      },
    },
  },
  docs: { brief: 'Go to a generation of before, and stay there if Nixen answers' },
})

const recover = lazyCommand(async () => (await import('./run.ts')).recover, {
  parameters: { flags: applianceFlags },
  docs: {
    brief: 'End an update that was interrupted',
    fullDescription:
      'Runs when the machine starts. Forward if the new system had answered already, otherwise back to what the machine ran.',
  },
})

const gc = lazyCommand(async () => (await import('./run.ts')).gc, {
  parameters: {
    flags: {
      ...applianceFlags,
      keep: {
        kind: 'parsed',
        parse: countParser,
        brief: 'How many of the newest generations stay; as configured when left out',
        placeholder: 'COUNT',
        optional: true,
      },
      dryRun: { kind: 'boolean', brief: 'Only say what would be removed', default: false },
    },
  },
  docs: {
    brief: 'Remove old generations and what nothing refers to',
    fullDescription: 'What runs, was booted, boots by default, or was the last good update always stays.',
  },
})

const history = lazyCommand(async () => (await import('./run.ts')).history, {
  parameters: {
    flags: {
      ...applianceFlags,
      last: { kind: 'parsed', parse: countParser, brief: 'How many', placeholder: 'COUNT', default: '20' },
    },
  },
  docs: { brief: 'How updates ended, the newest first' },
})

const check = lazyCommand(async () => (await import('./check.ts')).check, {
  parameters: {
    flags: commonFlags,
    positional: { kind: 'tuple', parameters: [{ brief: 'TOML file', parse: textParser, placeholder: 'FILE' }] },
  },
  docs: { brief: 'Say whether the server would take a file of settings' },
})

const redirect = lazyCommand(async () => (await import('./redirect.ts')).redirect, {
  parameters: {
    flags: {
      ...commonFlags,
      to: {
        kind: 'parsed',
        parse: textParser,
        brief: 'Address of the console, when it is not the name that was asked for',
        placeholder: 'URL',
        optional: true,
      },
      port: {
        kind: 'parsed',
        parse: portParser,
        brief: 'Port of the console, on the name that was asked for',
        placeholder: 'PORT',
        optional: true,
      },
      listen: {
        kind: 'parsed',
        parse: portParser,
        brief: 'Port to listen on, when systemd hands over no socket',
        placeholder: 'PORT',
        optional: true,
      },
      idle: {
        kind: 'parsed',
        parse: durationParser,
        brief: 'End when nobody has come for so long; systemd starts it again',
        placeholder: 'TIME',
        default: '5m',
      },
    },
  },
  docs: { brief: 'Answer plain HTTP with the address over HTTPS' },
})

/** `nixen appliance …` */
export const applianceRoutes: RouteMap<NixenContext> = commandGroup(
  { status, update, rollback, recover, gc, history, check, redirect },
  'The NixOS machine that Nixen runs on: its updates and generations',
)

/** A length of time, `90s` or `5m`; milliseconds. */
function durationParser(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms <= 0) throw new SyntaxError(`"${text}" is not a length of time like 90s or 5m.`)
  return ms
}
