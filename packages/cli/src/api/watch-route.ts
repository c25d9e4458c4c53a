import type { Command } from '@stricli/core'
import type { InventoryType } from '@nixen/api'
import { commonFlags, lazyCommand, type CommonFlags } from '../command.ts'
import { serverFlags, type ServerFlags } from '../connect/connect.ts'
import type { NixenContext } from '../context.ts'
import { textParser } from '../parse.ts'

export interface WatchFlags extends CommonFlags, ServerFlags {
  readonly q?: string
}

/** Plurals that are not the type with an s. */
const words: Partial<Record<InventoryType, string>> = { vm: 'VMs', nic: 'NICs' }

/** `nixen TYPE watch` */
export function watchCommand(type: InventoryType): Command<NixenContext> {
  return lazyCommand<WatchFlags, []>(
    async () => {
      const { watch } = await import('./watch.ts')
      return async (context, flags) => await watch(context, flags, type)
    },
    {
      parameters: {
        flags: {
          q: {
            kind: 'parsed',
            parse: textParser,
            brief: 'Which ones: power:running tag:prod (docs/reference/query-language.md)',
            placeholder: 'QUERY',
            optional: true,
          },
          ...commonFlags,
          ...serverFlags,
        },
        aliases: { q: 'q' },
      },
      docs: {
        brief: `Show changes of ${words[type] ?? `${type}s`} as they come, until interrupted; JSON lines with --json`,
      },
    },
  )
}
