import type { ConnectionId, ProviderKind } from '@nixen/api'
import type { Member } from '@nixen/providers'
import type { Db } from '../db/tables.ts'
import type { Vault } from '../keys/master-key.ts'

/** A connection as it is kept; the password is open here. */
export interface StoredConnection {
  readonly id: ConnectionId
  readonly kind: ProviderKind
  /** Empty: it is called like its pool. */
  readonly name: string
  readonly address: string
  readonly username: string
  readonly password: string
  readonly fingerprint: string | undefined
  readonly enabled: boolean
  readonly readOnly: boolean
  readonly poolKey: string | undefined
  readonly members: readonly Member[]
  readonly created: number
}

/** Connections in the state, credentials sealed. */
export class ConnectionStore {
  readonly #db: Db
  readonly #vault: Vault

  constructor(db: Db, vault: Vault) {
    this.#db = db
    this.#vault = vault
  }

  /** @throws server.key_missing, server.secret_damaged */
  async all(): Promise<StoredConnection[]> {
    const rows = await this.#db.selectFrom('connections').selectAll().orderBy('created').execute()
    return rows.map((row) => ({
      id: row.id,
      kind: row.kind,
      name: row.name,
      address: row.address,
      username: row.username,
      password: this.#vault.open(row.password, contextOf(row.id)),
      fingerprint: row.fingerprint ?? undefined,
      enabled: row.enabled === 1,
      readOnly: row.read_only === 1,
      poolKey: row.pool_key ?? undefined,
      // Written below.
      members: JSON.parse(row.members_json ?? '[]') as Member[],
      created: row.created,
    }))
  }

  async put(connection: StoredConnection): Promise<void> {
    const values = {
      id: connection.id,
      kind: connection.kind,
      name: connection.name,
      address: connection.address,
      username: connection.username,
      password: this.#vault.seal(connection.password, contextOf(connection.id)),
      fingerprint: connection.fingerprint ?? null,
      enabled: Number(connection.enabled),
      read_only: Number(connection.readOnly),
      pool_key: connection.poolKey ?? null,
      members_json: JSON.stringify(connection.members),
      created: connection.created,
    }
    const { id: _, ...changes } = values
    await this.#db
      .insertInto('connections')
      .values(values)
      .onConflict((conflict) => conflict.column('id').doUpdateSet(changes))
      .execute()
  }

  async remove(id: ConnectionId): Promise<void> {
    await this.#db.deleteFrom('connections').where('id', '=', id).execute()
  }

  /** Seals every password with the current key. */
  async sealAgain(): Promise<void> {
    for (const connection of await this.all()) await this.put(connection)
  }
}

function contextOf(id: ConnectionId): string {
  return `connection:${id}:password`
}
