import { loadConfig, moveState } from '@nixen/server'
import { print } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { stateDirectory } from '../connect/state-directory.ts'
import type { StateFlags } from './backup.ts'

/** `nixen state move` */
export async function move(context: NixenContext, flags: StateFlags, to: string): Promise<void> {
  const environment = context.process.env ?? {}
  const databaseUrl = loadConfig({ environment, file: flags.config }).values['database.url']
  const from = stateDirectory(environment, flags.state)
  const moved = await moveState(from, { databaseUrl, to })
  const rows = Object.values(moved.tables).reduce((sum, count) => sum + count, 0)
  print(context, flags, {
    json: { from, ...moved },
    text: [
      `Copied ${rows} rows to ${moved.place}, and read them back: they are the same, and so is the audit log of ${moved.audit.entries} entries.`,
      'To use it, set database.url (NIXEN_DATABASE_URL, or [database] url in the TOML file) to that address and start the server.',
      `Keep ${from}: the keys and certificates in it are used as before. db.sqlite in it is the state as it was, and is not used any more.`,
    ].join('\n'),
  })
}
