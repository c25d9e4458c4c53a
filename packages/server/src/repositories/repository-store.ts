import type { Failure, Immutability, Maintenance, Repository, RepositoryId } from '@nixen/api'
import type { S3Credentials } from '@nixen/backup'
import type { Db } from '../db/tables.ts'
import type { Vault } from '../keys/master-key.ts'

/** What people decide of a repository. */
export interface RepositoryOptions {
  readonly maintenance: Maintenance
  readonly upload?: number | undefined
  readonly download?: number | undefined
}

/** Figures of one VM in a repository, as they were counted. */
export interface CountedGroup {
  readonly path: string
  readonly points: number
  readonly oldest: number
  readonly newest: number
  readonly restoreSize: number
  readonly storedSize: number
  readonly exclusiveSize: number
}

/** What was seen of a repository. It can be seen again: losing it loses nothing. */
export interface RepositorySeen {
  readonly state: Repository['state']
  readonly since: number
  readonly error?: Failure | undefined
  readonly uuid?: string | undefined
  readonly format?: number | undefined
  readonly seen?: number | undefined
  readonly damaged?: number | undefined
  readonly usage?: Repository['usage']
  readonly groups?: readonly CountedGroup[] | undefined
  readonly lastCheck?: Repository['lastCheck']
  readonly lastPrune?: Repository['lastPrune']
  readonly immutability: Immutability
}

/** A repository as it is kept; secrets are open here. */
export interface StoredRepository {
  readonly id: RepositoryId
  readonly name: string
  readonly location: string
  readonly password: string
  readonly credentials: S3Credentials | undefined
  readonly options: RepositoryOptions
  readonly seen: RepositorySeen
  readonly created: number
}

/** Repositories in the state, secrets sealed. */
export class RepositoryStore {
  readonly #db: Db
  readonly #vault: Vault

  constructor(db: Db, vault: Vault) {
    this.#db = db
    this.#vault = vault
  }

  /** @throws server.key_missing, server.secret_damaged */
  async all(): Promise<StoredRepository[]> {
    const rows = await this.#db.selectFrom('repositories').selectAll().orderBy('created').execute()
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      location: row.location,
      password: this.#vault.open(row.password, contextOf(row.id, 'password')),
      credentials:
        row.credentials === null
          ? undefined
          : // Written below.
            (JSON.parse(this.#vault.open(row.credentials, contextOf(row.id, 'credentials'))) as S3Credentials),
      // Written below.
      options: JSON.parse(row.options_json) as RepositoryOptions,
      seen: JSON.parse(row.seen_json) as RepositorySeen,
      created: row.created,
    }))
  }

  async put({ id, name, location, password, credentials, options, seen, created }: StoredRepository): Promise<void> {
    const changes = {
      name,
      name_key: nameKey(name),
      location,
      password: this.#vault.seal(password, contextOf(id, 'password')),
      credentials:
        credentials === undefined ? null : this.#vault.seal(JSON.stringify(credentials), contextOf(id, 'credentials')),
      options_json: JSON.stringify(options),
      seen_json: JSON.stringify(seen),
      created,
    }
    await this.#db
      .insertInto('repositories')
      .values({ id, ...changes })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(changes))
      .execute()
  }

  async putSeen(id: RepositoryId, seen: RepositorySeen): Promise<void> {
    await this.#db
      .updateTable('repositories')
      .set({ seen_json: JSON.stringify(seen) })
      .where('id', '=', id)
      .execute()
  }

  async remove(id: RepositoryId): Promise<void> {
    await this.#db.deleteFrom('repositories').where('id', '=', id).execute()
  }

  /** Seals every secret with the current key. */
  async sealAgain(): Promise<void> {
    for (const repository of await this.all()) await this.put(repository)
  }
}

/** Names that people cannot tell apart are one. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase().trim()
}

function contextOf(id: RepositoryId, what: 'password' | 'credentials'): string {
  return `repository:${id}:${what}`
}
