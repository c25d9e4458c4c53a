import { XoStore } from '@nixen/backup'
import type { CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import type { RepoFlags } from '../repo/flags.ts'
import { readText } from '../serving.ts'

export interface SourceFlags extends CommonFlags {
  readonly keyFile?: string
}

export interface ConversionFlags extends SourceFlags, RepoFlags {
  readonly vm?: string
}

/** Opens the remote of the command line. @throws xo.*, cli.cannot_read */
export async function openSource(context: NixenContext, { keyFile }: SourceFlags, folder: string): Promise<XoStore> {
  // A line end that an editor added is no part of a key.
  const fromFile = keyFile === undefined ? undefined : (await readText(keyFile)).split(/\r?\n/, 1)[0]
  return await XoStore.open(folder, { key: fromFile ?? context.process.env?.['NIXEN_XO_KEY'] })
}
