import { backupState, loadConfig } from '@nixen/server'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { stateDirectory } from '../connect/state-directory.ts'

export interface StateFlags extends CommonFlags {
  readonly state?: string
  readonly config?: string
}

/** `nixen state backup` */
export async function backup(context: NixenContext, flags: StateFlags, to: string): Promise<void> {
  const environment = context.process.env ?? {}
  const databaseUrl = loadConfig({ environment, file: flags.config }).values['database.url']
  const from = stateDirectory(environment, flags.state)
  const made = await backupState(from, to, { databaseUrl, now: context.clock.now() })
  const count = Object.keys(made.files).length
  print(context, flags, {
    json: { from, to, ...made },
    text: `Backed up ${from} to ${to} (${count} files, checked). It holds the keys: keep it as safe as the server.`,
  })
}
