import { forEachConcurrent } from '@nixen/core'
import type { IndexWriter } from '../index/index-writer.ts'
import type { RepositoryLock } from '../lock/lock.ts'
import type { PackEntry } from '../pack/blob.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import type { Bitmap } from './bitmap.ts'
import type { PrunePlan } from './plan-prune.ts'
import { repack } from './repack.ts'

export type PrunePhase = 'repack' | 'index' | 'remove'

export interface PruneProgress {
  readonly phase: PrunePhase
  readonly done: number
  readonly total: number
}

export interface ExecutePruneOptions extends SignalOption {
  readonly packSize?: number | undefined
  readonly progress?: ((progress: PruneProgress) => void) | undefined
}

/** Small index files, as each backup leaves one, are put together when there are this many. */
const manyIndexFiles = 32
/** Smaller index files are small: a full one has about 2 MiB. */
const smallIndexFile = 512 * 1024
/** Unfinished files of writers that died are removed after a day. */
const leftoverAge = 86_400_000

/**
 * Carries out a plan that was made under `lock`, which must be exclusive. The order is what makes it safe to be killed at any moment:
 *
 * 1. used blobs of packs that go are copied into new packs, durable;
 * 2. new index files name the new packs and all that stays of the old index files that are touched, durable;
 * 3. the touched old index files are removed: from here on no index names a pack that will go;
 * 4. the packs are removed.
 *
 * Killed after 1 or 2, everything old is still valid; after 3, the packs are leftovers that the next prune removes.
 */
export async function executePrune(
  { repository, lock, used }: { repository: Repository; lock: RepositoryLock; used: Bitmap },
  plan: PrunePlan,
  options: ExecutePruneOptions = {},
): Promise<void> {
  const { signal, progress } = options
  const index = repository.indexWriter({ signal })
  const repacked = plan.repack.map(({ pack }) => pack)
  let done = 0
  const step = (phase: PrunePhase, total: number): void => progress?.({ phase, done: ++done, total })
  await repack({ repository, used, index }, repacked, { ...options, progress: () => step('repack', repacked.length) })
  const going = new Set([...repacked, ...plan.remove.map(({ pack }) => pack), ...plan.gone])
  done = 0
  const obsolete = await rewriteIndex({ repository, index }, going, {
    signal,
    progress: (total) => step('index', total),
  })
  await lock.assertHeld()
  for (const name of obsolete) await repository.storage.remove({ kind: 'index', name }, { signal })
  await lock.assertHeld()
  done = 0
  const { storage } = repository
  await forEachConcurrent(going, storage.properties.connections, async (name) => {
    lock.signal.throwIfAborted()
    await storage.remove({ kind: 'data', name }, { signal })
    step('remove', going.size)
  })
  await storage.removeLeftovers?.({ olderThan: leftoverAge, signal })
}

/** Saves what stays of the index files that name a pack that goes, and returns their names. Files that name none are not touched. */
export async function rewriteIndex(
  { repository, index }: { repository: Repository; index: IndexWriter },
  going: ReadonlySet<string>,
  options: SignalOption & { progress: (total: number) => void },
): Promise<string[]> {
  const files = await Array.fromAsync(repository.storage.list('index', options))
  // What this prune saved itself is new.
  const fresh = new Set(index.saved)
  const old = files.filter(({ name }) => !fresh.has(name))
  const small = old.filter(({ size }) => size < smallIndexFile)
  const merge = new Set(small.length >= manyIndexFiles ? small.map(({ name }) => name) : [])
  const obsolete: string[] = []
  for (const { name } of old) {
    const packs = await readIndex(repository, name, options)
    if (merge.has(name) || packs.some(({ id }) => going.has(id))) {
      obsolete.push(name)
      for (const pack of packs) if (!going.has(pack.id)) await index.add(pack)
    }
    options.progress(old.length)
  }
  await index.flush()
  return obsolete
}

async function readIndex(repository: Repository, name: string, options: SignalOption): Promise<PackEntry[]> {
  const packs: PackEntry[] = []
  for await (const file of repository.readIndexFiles({ ...options, names: [name] })) packs.push(...file.packs)
  return packs
}
