import { listLocks, Repository, repositoryStats, unlock as unlockRepository, openStorage } from '@nixen/backup'
import type { RepositoryFacts } from '../../operations/repository.ts'
import type { OperationCode } from '../context.ts'

/** Makes an empty repository. */
export const create: OperationCode<'create'> = async (_input, { access, signal }) => {
  const { location, credentials, password } = access
  await using storage = await openStorage(location, { credentials, signal })
  return factsOf(await Repository.init(storage, { password, signal }))
}

/** What the repository is; shows that it opens. */
export const inspect: OperationCode<'inspect'> = async (_input, { open }) => factsOf(await open())

/** What a repository is. */
export function factsOf({ id, config, storage, keyName }: Repository): RepositoryFacts {
  return { id, version: config.version, location: storage.properties.location, key: keyName }
}

/** Room, deduplication and compression, VM by VM. */
export const stats: OperationCode<'stats'> = async (_input, { open, signal, progress }) =>
  await repositoryStats(await open(), {
    // Points of one VM have one path, also after it got another name.
    groupBy: ({ paths, hostname }) => paths.join(' ') || hostname,
    signal,
    progress: ({ done, total }) => progress({ phase: 'count', done, total, unit: 'items' }),
  })

/** Who holds locks. */
export const locks: OperationCode<'locks'> = async (_input, { open, signal }) => ({
  locks: await listLocks(await open(), { signal }),
})

/** Removes locks of processes that are gone, or all. */
export const unlock: OperationCode<'unlock'> = async ({ all = false }, { open, signal }) => ({
  removed: await unlockRepository(await open(), { all, signal }),
})

/** The keys, without secrets, and the one that is used here. */
export const keys: OperationCode<'keys'> = async (_input, { open, signal }) => {
  const repository = await open()
  return { keys: await Array.fromAsync(repository.keys({ signal })), current: repository.keyName }
}

/** One more password that opens the repository. */
export const addKey: OperationCode<'addKey'> = async ({ password }, { open, signal }) => ({
  key: await (await open()).addKey(password, { signal }),
})

/** Takes a password away. */
export const removeKey: OperationCode<'removeKey'> = async ({ key }, { open, signal }) => {
  await (await open()).removeKey(key, { signal })
  return {}
}

/** Another password in place of the one that is used here. */
export const changePassword: OperationCode<'changePassword'> = async ({ password }, { open, repositories, signal }) => {
  const key = await (await open()).changePassword(password, { signal })
  // What is open was opened with a key that is gone.
  await repositories[Symbol.asyncDispose]()
  return { key }
}
