import { join } from 'node:path'
import { CatalogueFile } from '../repositories/catalogue-file.ts'
import { Catalogue } from '../repositories/catalogue.ts'
import { Repositories } from '../repositories/repositories.ts'
import { RepositoryStore } from '../repositories/repository-store.ts'
import { WorkerPool } from '../worker/worker-pool.ts'
import type { Base } from './base.ts'

/** Where backups are. */
export interface Stores {
  readonly repositories: Repositories
  readonly catalogue: Catalogue
  /** The processes, for what opens no repository. */
  readonly pool: WorkerPool
}

/** Repositories, the catalogue of what is in them, and the processes that open them. */
export async function openStores({ db, vault, clock, log, options, parts }: Base): Promise<Stores> {
  const cache = join(options.stateDir, 'cache')
  const pool = parts.use(new WorkerPool({ log, ...options.workers }))
  const catalogue = new Catalogue(parts.use(new CatalogueFile(join(cache, 'points.sqlite'), log)))
  const store = new RepositoryStore(db, vault)
  const repositories = parts.use(new Repositories({ store, pool, catalogue, clock, log, cache }))
  await repositories.start()
  return { repositories, catalogue, pool }
}
