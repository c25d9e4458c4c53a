import { randomBytes } from 'node:crypto'
import { openStorage, Repository, type FileId, type Storage } from '@nixen/backup'
import { forEachConcurrent, isAppError, messageOf, MiB } from '@nixen/core'
import type { RepositoryAccess } from '../../descriptors.ts'
import type { StorageProbe } from '../../operations.ts'
import type { OperationCode } from '../context.ts'
import { factsOf } from './simple.ts'

/** A file as a pack is, under a name that no repository uses: a name is the hash of the content, and this one's is not. */
function newFile(): FileId {
  return { kind: 'data', name: randomBytes(32).toString('hex') }
}

/** Opens a storage so that what is written there for a try can be removed again: without the retention of its address. */
async function openForTrial({ location, credentials }: RepositoryAccess, signal: AbortSignal): Promise<Storage> {
  const query = location.indexOf('?')
  const parameters = new URLSearchParams(query < 0 ? '' : location.slice(query + 1))
  parameters.delete('retention-days')
  parameters.delete('retention-mode')
  const bare =
    query < 0 || !location.startsWith('s3:') ? location : `${location.slice(0, query)}?${parameters.toString()}`
  return await openStorage(bare, { credentials, attempts: 2, signal })
}

/** Tries what a storage allows: writing, writing over, removing. Nothing is left behind where removing is allowed. */
export const probe: OperationCode<'probe'> = async ({ password }, { access, signal }) => {
  await using storage = await openForTrial(access, signal)
  const repository = (await storage.stat({ kind: 'config', name: '' }, { signal })) !== undefined
  const opens = repository && password !== undefined ? { opens: await tryPassword(storage, password, signal) } : {}
  const { location } = storage.properties
  return { location, repository, ...opens, ...(await tryFile(storage, signal)) }
}

async function tryPassword(
  storage: Storage,
  password: string,
  signal: AbortSignal,
): Promise<NonNullable<StorageProbe['opens']>> {
  try {
    return { ok: true, facts: factsOf(await Repository.open(storage, { password, signal })) }
  } catch (error) {
    if (!isAppError(error, 'backup.wrong_password')) throw error
    return { ok: false, keys: Number(error.details['keys'] ?? 0) }
  }
}

async function tryFile(
  storage: Storage,
  signal: AbortSignal,
): Promise<Pick<StorageProbe, 'write' | 'overwrite' | 'remove' | 'reason'>> {
  const file = newFile()
  try {
    await storage.save(file, [randomBytes(4096)], { signal })
  } catch (error) {
    if (!isAppError(error, 'storage.denied')) throw error
    return { write: 'refused', reason: messageOf(error) }
  }
  const overwrite = await storage.save(file, [randomBytes(4096)], { signal }).then(
    () => 'allowed' as const,
    () => 'refused' as const,
  )
  try {
    await storage.remove(file, { signal })
    return { write: 'allowed', overwrite, remove: (await storage.stat(file, { signal })) ? 'refused' : 'allowed' }
  } catch (error) {
    if (!isAppError(error, 'storage.denied')) throw error
    return { write: 'allowed', overwrite, remove: 'refused', reason: messageOf(error) }
  }
}

const smallFiles = 8
const smallSize = 4096

/** Measures a storage with files as packs are, as many at once as a backup writes. They are removed again. */
export const benchmark: OperationCode<'benchmark'> = async (input, { access, signal, progress }) => {
  const { fileSize = 16 * MiB, files: count = 8 } = input
  await using storage = await openForTrial(access, signal)
  const { connections } = storage.properties
  // Content that no store can compress, made before the clock runs.
  const content = randomBytes(fileSize)
  const large = Array.from({ length: count }, newFile)
  const small = Array.from({ length: smallFiles }, newFile)
  const told = (phase: string, total: number) => {
    let done = 0
    return () => progress({ phase, done: ++done, total, unit: 'items' })
  }
  try {
    const writing = told('write', count)
    const written = await timed(() =>
      forEachConcurrent(large, connections, async (file) => {
        await storage.save(file, [content], { signal })
        writing()
      }),
    )
    const reading = told('read', count)
    const read = await timed(() =>
      forEachConcurrent(large, connections, async (file) => {
        await storage.load(file, { signal, cache: 'bypass' })
        reading()
      }),
    )
    const smallWrites: number[] = []
    for (const file of small)
      smallWrites.push(await timed(() => storage.save(file, [content.subarray(0, smallSize)], { signal })))
    const smallReads: number[] = []
    for (const file of small)
      smallReads.push(await timed(async () => void (await storage.load(file, { signal, cache: 'bypass' }))))
    const list = await timed(async () => void (await Array.fromAsync(storage.list('snapshot', { signal }))))
    const rate = (ms: number): number => Math.round((count * fileSize * 1000) / Math.max(ms, 0.001))
    return {
      writeRate: rate(written),
      readRate: rate(read),
      smallWrite: median(smallWrites),
      smallRead: median(smallReads),
      list,
      fileSize,
      connections,
    }
  } finally {
    // Also after a failure, and when it was cancelled.
    await forEachConcurrent([...large, ...small], connections, async (file) => {
      await storage.remove(file).catch(() => undefined)
    })
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
