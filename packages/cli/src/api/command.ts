import { buildCommand, type Command } from '@stricli/core'
import type { Operation } from '@nixen/api'
import { commonFlags } from '../command.ts'
import { serverFlags } from '../connect/connect.ts'
import type { NixenContext } from '../context.ts'
import { textParser } from '../parse.ts'
import { argumentsOf, flagsOf, type Parameter } from './flags.ts'
import { answerOf } from './shape.ts'

/** Flags of a command of the contract: its own, and those that its kind of answer brings. */
export type OperationFlags = Readonly<Record<string, unknown>> & {
  readonly json: boolean
  readonly profile?: string
  readonly columns?: string
  readonly wait?: boolean
  readonly yes?: boolean
  /** What an upload sends. */
  readonly file?: string
  /** Where a download goes. */
  readonly out?: string
}

/** The command of an operation: everything about it comes from the contract. Its code is loaded when it runs. */
export function operationCommand(operation: Operation): Command<NixenContext> {
  const { endpoint } = operation
  const own = flagsOf(endpoint)
  const flags = { ...own, ...extraFlags(operation), ...commonFlags, ...serverFlags }
  const aliases = { ...('q' in own ? { q: 'q' } : {}), ...(endpoint.download === undefined ? {} : { o: 'out' }) }
  return buildCommand<OperationFlags, unknown[], NixenContext>({
    loader: async () => {
      const { runOperation } = await import('./run.ts')
      return async function (this: NixenContext, given: OperationFlags, ...args: unknown[]) {
        await runOperation(this, operation, { flags: given, args })
      }
    },
    // The library's types want to know each flag by name; these come from the contract at run time.
    parameters: {
      flags,
      aliases,
      positional: { kind: 'tuple', parameters: argumentsOf(endpoint) },
    } as unknown as Parameters<typeof buildCommand<OperationFlags, unknown[], NixenContext>>[0]['parameters'],
    docs: { brief: endpoint.summary, fullDescription: descriptionOf(operation) },
  })
}

function extraFlags({ endpoint }: Operation): Readonly<Record<string, Parameter | object>> {
  const { kind } = answerOf(endpoint)
  return {
    ...(kind === 'list'
      ? {
          columns: {
            kind: 'parsed',
            parse: textParser,
            brief: 'Fields to show, with commas between them; a field in a field with a dot (os.name)',
            placeholder: 'FIELDS',
            optional: true,
          },
        }
      : {}),
    ...(kind === 'task'
      ? {
          wait: {
            kind: 'boolean',
            brief: 'Wait until it is done; --no-wait only says which task it is',
            default: true,
          },
        }
      : {}),
    ...(endpoint.upload
      ? {
          file: { kind: 'parsed', parse: textParser, brief: 'File to send; - for standard input', placeholder: 'FILE' },
        }
      : {}),
    ...(endpoint.download === undefined
      ? {}
      : {
          out: {
            kind: 'parsed',
            parse: textParser,
            brief:
              'File to write, named so when it is whole; - for standard output; the name that the server gives when left out',
            placeholder: 'FILE',
            optional: true,
          },
        }),
    ...(endpoint.method === 'DELETE' ? { yes: { kind: 'boolean', brief: 'Do not ask first', default: false } } : {}),
  }
}

function descriptionOf({ endpoint: { summary, description } }: Operation): string {
  return `${summary}.${description === undefined ? '' : ` ${description.replaceAll('`', '')}`}`
}
