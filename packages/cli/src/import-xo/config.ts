import { findConfig, planConfig, xoErrors, type ConfigPlan, type ConfigStep } from '@nixen/backup'
import { print } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { readText } from '../serving.ts'
import { openSource, type SourceFlags } from './open.ts'

/** `nixen import xo config [FOLDER]` */
export async function config(
  context: NixenContext,
  flags: SourceFlags & { readonly file?: string },
  folder?: string,
): Promise<void> {
  const plan =
    flags.file === undefined
      ? await fromRemote(context, flags, folder)
      : planConfig(flags.file, await fromFile(flags.file))
  print(context, flags, { json: plan, text: textOf(plan) })
}

async function fromFile(path: string): Promise<unknown> {
  const text = await readText(path)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw cliErrors.cannot_read(
      { path, reason: 'it is not JSON (an encrypted export has to be made again without a passphrase)' },
      { cause },
    )
  }
}

async function fromRemote(context: NixenContext, flags: SourceFlags, folder = '.'): Promise<ConfigPlan> {
  const found = await findConfig(await openSource(context, flags, folder))
  if (!found) throw xoErrors.missing({ file: 'xo-config-backups/*/*/data.json' })
  return planConfig(found.file, found.config)
}

function textOf({ file, steps, notes }: ConfigPlan): string {
  return [`From ${file}. Nothing was changed; look at each before it is made:`, ...steps.map(stepText), ...notes].join(
    '\n\n',
  )
}

function stepText({ kind, name, becomes, notes }: ConfigStep): string {
  const body = Object.keys(becomes).length === 0 ? '' : `\n${JSON.stringify(becomes, null, 2)}`
  return `${kind} ${name}${body}${notes.map((note) => `\n  ! ${note}`).join('')}`
}
