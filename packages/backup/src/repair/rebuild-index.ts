import { anySignal, isAppError, mapOrdered } from '@nixen/core'
import { PackGroups } from '../check/pack-groups.ts'
import { BlobIndex } from '../index/blob-index.ts'
import { decodeIndex } from '../index/index-file.ts'
import { lockRepository } from '../lock/lock.ts'
import type { PackEntry } from '../pack/blob.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'

export interface RebuildResult {
  /** Packs that the new index names. */
  readonly packs: number
  readonly blobs: number
  /** Packs whose header can't be read; the new index keeps what the old one said of them. */
  readonly keptFromOld: readonly string[]
  /** Packs whose header can't be read and that no index named: what is in them is lost, and the file stays. */
  readonly unreadable: readonly string[]
  /** Index files that could not be read; they are removed as well. */
  readonly damagedIndexes: readonly string[]
  /** Packs that an index named and that are gone. */
  readonly gone: readonly string[]
}

/**
 * Makes the index anew from the headers of all packs. The old index files are removed when the new ones are durable. Packs are neither changed nor
 * removed.
 *
 * Errors: `backup.repository_locked`, storage's; the old index stays then.
 */
export async function rebuildIndex(
  repository: Repository,
  options: SignalOption & { wait?: number; progress?: (progress: { done: number; total: number }) => void } = {},
): Promise<RebuildResult> {
  repository.assertWritable()
  await using lock = await lockRepository(repository, {
    exclusive: true,
    wait: options.wait ?? 0,
    signal: options.signal,
  })
  const signal = anySignal(options.signal, lock.signal)
  const old = await readableIndexes(repository, { signal })
  const groups = new PackGroups(old.index)
  const numbers = new Map(old.index.packs.map((pack, number) => [pack, number]))
  const packs = await Array.fromAsync(repository.storage.list('data', { signal }))
  const there = new Set(packs.map(({ name }) => name))
  const index = repository.indexWriter({ signal })
  const [keptFromOld, unreadable]: string[][] = [[], []]
  let [count, blobs, done] = [0, 0, 0]
  const read = mapOrdered(packs, repository.storage.properties.connections, ({ name, size }) =>
    readHeader(repository, name, { size, signal }),
  )
  for await (const { pack, entry } of read) {
    const number = numbers.get(pack)
    const known = entry ?? (number === undefined ? undefined : { id: pack, blobs: groups.blobs(number) })
    if (!entry) (known ? keptFromOld : unreadable)?.push(pack)
    if (known) {
      await index.add(known)
      count++
      blobs += known.blobs.length
    }
    done++
    options.progress?.({ done, total: packs.length })
  }
  await index.flush()
  await lock.assertHeld()
  const fresh = new Set(index.saved)
  for (const name of old.names)
    if (!fresh.has(name)) await repository.storage.remove({ kind: 'index', name }, { signal })
  await repository.loadIndex({ signal })
  return {
    packs: count,
    blobs,
    keptFromOld: keptFromOld ?? [],
    unreadable: unreadable ?? [],
    damagedIndexes: old.damaged,
    gone: old.index.packs.filter((pack) => !there.has(pack)),
  }
}

async function readableIndexes(
  repository: Repository,
  options: SignalOption,
): Promise<{ index: BlobIndex; names: string[]; damaged: string[] }> {
  const index = new BlobIndex()
  const names: string[] = []
  const damaged: string[] = []
  for await (const { name } of repository.storage.list('index', options)) {
    names.push(name)
    try {
      const decoded = decodeIndex(await repository.loadUnpacked('index', name, options))
      if ('reason' in decoded) damaged.push(name)
      else for (const pack of decoded.packs) for (const blob of pack.blobs) index.add(pack.id, blob)
    } catch (error) {
      if (!isAppError(error, 'backup.file_damaged')) throw error
      damaged.push(name)
    }
  }
  return { index, names, damaged }
}

async function readHeader(
  repository: Repository,
  pack: string,
  options: SignalOption & { size: number },
): Promise<{ pack: string; entry: PackEntry | undefined }> {
  try {
    return { pack, entry: { id: pack, blobs: await repository.readPackHeader(pack, options) } }
  } catch (error) {
    if (!isAppError(error) || error.retryable || error.code === 'storage.denied') throw error
    return { pack, entry: undefined }
  }
}
