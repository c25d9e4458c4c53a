import type { ChannelId, ChannelTarget } from '@nixen/api'
import type { Db } from '../db/tables.ts'
import type { Vault } from '../keys/master-key.ts'

/** A channel as it is kept; its secrets are open here. */
export interface StoredChannel {
  readonly id: ChannelId
  readonly name: string
  readonly enabled: boolean
  readonly hourly: number
  readonly target: ChannelTarget
  readonly created: number
}

/** Channels in the state. Where they go is sealed whole: addresses of webhooks and topics open doors as passwords do. */
export class ChannelStore {
  readonly #db: Db
  readonly #vault: Vault

  constructor(db: Db, vault: Vault) {
    this.#db = db
    this.#vault = vault
  }

  /** @throws server.key_missing, server.secret_damaged */
  async all(): Promise<StoredChannel[]> {
    const rows = await this.#db.selectFrom('channels').selectAll().orderBy('created').orderBy('id').execute()
    return rows.map(({ id, name, enabled, hourly, target, created }) => ({
      id,
      name,
      enabled: enabled === 1,
      hourly,
      // Written below.
      target: JSON.parse(this.#vault.open(target, contextOf(id))) as ChannelTarget,
      created,
    }))
  }

  async put({ id, name, enabled, hourly, target, created }: StoredChannel): Promise<void> {
    const changes = {
      name,
      name_key: channelKey(name),
      enabled: Number(enabled),
      hourly,
      target: this.#vault.seal(JSON.stringify(target), contextOf(id)),
      created,
    }
    await this.#db
      .insertInto('channels')
      .values({ id, ...changes })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(changes))
      .execute()
  }

  async remove(id: ChannelId): Promise<void> {
    await this.#db.deleteFrom('channels').where('id', '=', id).execute()
  }

  /** Seals every channel with the current key. */
  async sealAgain(): Promise<void> {
    for (const channel of await this.all()) await this.put(channel)
  }
}

/** Names that people cannot tell apart are one. */
export function channelKey(name: string): string {
  return name.normalize('NFKC').toLowerCase().trim()
}

function contextOf(id: ChannelId): string {
  return `channel:${id}:target`
}
