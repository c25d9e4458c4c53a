import { openStorage, readIndexCache, Repository, saveIndexCache } from '@nixen/backup'
import { silentLog } from '@nixen/core'
import type { RepositoryAccess } from '../descriptors.ts'
import type { WorkRates } from './work-rates.ts'

/** Index files that are saved before the cache is written again: it is written as a whole. */
const cacheAfter = 16

/** The repository that this process has open; one at a time, kept between operations. */
export class OpenRepository implements AsyncDisposable {
  readonly #rates: WorkRates
  #open: { readonly key: string; readonly repository: Repository; cached: number } | undefined

  /** @param rates what may be moved, set anew by each operation */
  constructor(rates: WorkRates) {
    this.#rates = rates
  }

  /** Opens it, or gives the one that is open. @throws backup.wrong_password, backup.not_a_repository, storage.* */
  async get(access: RepositoryAccess, signal: AbortSignal): Promise<Repository> {
    const key = JSON.stringify(access)
    if (this.#open?.key === key) return this.#open.repository
    await this[Symbol.asyncDispose]()
    const { location, password, credentials } = access
    const { upload, download } = this.#rates
    const storage = await openStorage(location, { credentials, upload, download, log: silentLog, signal })
    try {
      const repository = await Repository.open(storage, { password, signal })
      this.#open = { key, repository, cached: 0 }
      return repository
    } catch (error) {
      await storage[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The same with its index, as it is now. */
  async withIndex(access: RepositoryAccess, signal: AbortSignal): Promise<Repository> {
    const repository = await this.get(access, signal)
    const { cacheFile } = access
    if (
      repository.indexFiles.size === 0 &&
      cacheFile !== undefined &&
      (await readIndexCache(repository, cacheFile, { signal }))
    ) {
      if (this.#open) this.#open.cached = repository.indexFiles.size
    }
    await repository.refreshIndex({ signal })
    return repository
  }

  /** Keeps the index for the next process, when enough has come. Only when all of it is named by durable files. */
  async saveCache(access: RepositoryAccess): Promise<void> {
    const { cacheFile } = access
    if (cacheFile === undefined || !this.#open) return
    const { repository, cached } = this.#open
    const now = repository.indexFiles.size
    if (cached > 0 && now >= cached && now < cached + cacheAfter) return
    await saveIndexCache(repository, cacheFile)
    this.#open.cached = now
  }

  /** Forgets what is open: after what may have left it in doubt. */
  async [Symbol.asyncDispose](): Promise<void> {
    const repository = this.#open?.repository
    this.#open = undefined
    await repository?.[Symbol.asyncDispose]()
  }
}
