import type { Command } from '@stricli/core'
import { lazyCommand } from '../command.ts'
import { serverFlags } from '../connect/connect.ts'
import type { NixenContext } from '../context.ts'
import { textParser } from '../parse.ts'
import type { ConsoleFlags, ConsoleOf } from './run.ts'

function consoleCommand(of: ConsoleOf, what: string): Command<NixenContext> {
  return lazyCommand<ConsoleFlags, [string]>(
    async () => {
      const { runConsole } = await import('./run.ts')
      return async (context, flags, name) => await runConsole(of, context, flags, name)
    },
    {
      parameters: {
        flags: {
          ...serverFlags,
          text: { kind: 'boolean', brief: 'The terminal, in this one; Ctrl-] leaves', default: false },
          viewOnly: { kind: 'boolean', brief: 'Only look: nothing that is typed gets there', default: false },
          listen: {
            kind: 'parsed',
            parse: textParser,
            brief: 'Where a VNC viewer of this machine connects to, HOST:PORT; port 0 takes a free one',
            placeholder: 'ADDRESS',
            default: '127.0.0.1:0',
          },
        },
        positional: {
          kind: 'tuple',
          parameters: [{ brief: `The ${what}`, parse: textParser, placeholder: what.toUpperCase() }],
        },
      },
      docs: { brief: `Open the console of a ${what}: for a VNC viewer, or as text here` },
    },
  )
}

/** `nixen vm console` */
export const vmConsoleCommands = { console: consoleCommand('vm', 'VM') } as const
/** `nixen host console` */
export const hostConsoleCommands = { console: consoleCommand('host', 'host') } as const
