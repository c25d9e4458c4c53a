import type { Command } from '@stricli/core'
import { commonFlags, lazyCommand, type CommonFlags } from '../command.ts'
import { serverFlags, type ServerFlags } from '../connect/connect.ts'
import type { NixenContext } from '../context.ts'
import { textParser } from '../parse.ts'

/** `nixen task wait` */
export function waitCommand(): Command<NixenContext> {
  return lazyCommand<CommonFlags & ServerFlags, [string]>(async () => (await import('./wait.ts')).waitForTask, {
    parameters: {
      flags: { ...commonFlags, ...serverFlags },
      positional: { kind: 'tuple', parameters: [{ brief: 'The task', parse: textParser, placeholder: 'TASK' }] },
    },
    docs: { brief: 'Wait until a task has ended; fails when it failed' },
  })
}
