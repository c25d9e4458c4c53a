import { repositoryErrors, type RepositoryId } from '@nixen/api'
import { nameKey, type RepositorySeen, type RepositoryStore, type StoredRepository } from './repository-store.ts'

/** The repositories that Nixen knows, in memory and in the state. Each change is kept first and told afterwards. */
export class KnownRepositories {
  readonly #store: RepositoryStore
  readonly #known = new Map<RepositoryId, StoredRepository>()
  readonly #listeners = new Set<(id: RepositoryId) => void>()

  constructor(store: RepositoryStore) {
    this.#store = store
  }

  async load(): Promise<void> {
    for (const repository of await this.#store.all()) this.#known.set(repository.id, repository)
  }

  /** Calls `listen` when something of a repository has changed, until the result is called. */
  onChange(listen: (id: RepositoryId) => void): () => void {
    this.#listeners.add(listen)
    return () => this.#listeners.delete(listen)
  }

  all(): readonly StoredRepository[] {
    return [...this.#known.values()]
  }

  find(id: string): StoredRepository | undefined {
    // Asked with ids of anything.
    return this.#known.get(id as RepositoryId)
  }

  /** @throws repository.not_found */
  get(id: RepositoryId): StoredRepository {
    const stored = this.#known.get(id)
    if (!stored) throw repositoryErrors.not_found({ id })
    return stored
  }

  /** @throws repository.name_taken */
  demandFreeName(name: string): void {
    for (const other of this.#known.values()) {
      if (nameKey(other.name) === nameKey(name)) throw repositoryErrors.name_taken({ name, id: other.id })
    }
  }

  /** @param uuid the repository's own id @throws repository.known_already */
  demandUnknown(location: string, uuid: string): void {
    for (const { id, name, seen } of this.#known.values()) {
      if (seen.uuid === uuid) throw repositoryErrors.known_already({ location, name, id })
    }
  }

  async keep(stored: StoredRepository): Promise<void> {
    await this.#store.put(stored)
    this.#known.set(stored.id, stored)
    this.tell(stored.id)
  }

  /** Takes down what was seen of it; nothing when it was removed meanwhile. */
  async see(id: RepositoryId, changes: Partial<RepositorySeen>): Promise<void> {
    const stored = this.#known.get(id)
    if (!stored) return
    const seen: RepositorySeen = { ...stored.seen, ...changes }
    this.#known.set(id, { ...stored, seen })
    await this.#store.putSeen(id, seen)
    this.tell(id)
  }

  /** Forgets it; the caller tells, when all else that is known of it is gone too. */
  async remove(id: RepositoryId): Promise<void> {
    await this.#store.remove(id)
    this.#known.delete(id)
  }

  /** Says that something of a repository has changed. */
  tell(id: RepositoryId): void {
    for (const listen of this.#listeners) listen(id)
  }
}
