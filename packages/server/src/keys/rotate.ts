import { ConnectionStore } from '../connections/connection-store.ts'
import { SecondFactor } from '../auth/second-factor.ts'
import { systemClock } from '@nixen/core'
import { ChannelStore } from '../notify/channel-store.ts'
import { openState } from '../db/open-state.ts'
import { RepositoryStore } from '../repositories/repository-store.ts'
import { openStateDirectory } from '../state/state-directory.ts'
import { addKey, dropOldKeys } from './master-key.ts'

export interface StateOptions {
  /** The setting `database.url` of the server; SQLite in the state directory when left out. */
  readonly databaseUrl?: string | undefined
}

/**
 * Makes a new master key and seals every secret of a state directory with it; the server must be stopped. Gives the id of the new key.
 * Killed on the way, all keys are still in the file and everything opens; run it again.
 *
 * @throws server.state_in_use, server.key_missing, server.secret_damaged
 */
export async function rotateMasterKey(stateDir: string, { databaseUrl }: StateOptions = {}): Promise<string> {
  using state = openStateDirectory(stateDir)
  const db = await openState({ path: state.database, url: databaseUrl })
  try {
    const vault = addKey(state.keys)
    await new ConnectionStore(db, vault).sealAgain()
    await new RepositoryStore(db, vault).sealAgain()
    await new ChannelStore(db, vault).sealAgain()
    await new SecondFactor({ db, vault, clock: systemClock }).sealAgain()
    return dropOldKeys(state.keys).current
  } finally {
    await db.destroy()
  }
}
