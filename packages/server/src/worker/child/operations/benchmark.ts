import { createHash, randomBytes } from 'node:crypto'
import { access as accessFile, constants, mkdtemp, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openStorage, parseStorageAddress, Repository, type FileId, type Storage } from '@nixen/backup'
import { forEachConcurrent, isAppError, messageOf, MiB } from '@nixen/core'
import type { RepositoryAccess } from '../../descriptors.ts'
import type { StorageProbe } from '../../operations/repository.ts'
import type { OperationCode } from '../context.ts'
import { factsOf } from './simple.ts'

/** A file as a pack is: named by the hash of its content, which stores check. No index names it, so nobody ever needs it. */
interface Trial {
  readonly file: FileId
  readonly content: Uint8Array
}

/** Random content that is unlike any other. */
function newTrial(content: Uint8Array): Trial {
  return { content, file: { kind: 'data', name: createHash('sha256').update(content).digest('hex') } }
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
  const address = parseStorageAddress(access.location)
  const allowed =
    address.kind === 'local' && !repository ? await tryDirectory(address.directory) : await tryFile(storage, signal)
  return { location, repository, ...opens, ...allowed }
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

type Allowed = Pick<StorageProbe, 'write' | 'overwrite' | 'remove' | 'reason'>

async function tryFile(storage: Storage, signal: AbortSignal): Promise<Allowed> {
  const { file, content } = newTrial(randomBytes(4096))
  try {
    await storage.save(file, [content], { signal })
  } catch (error) {
    if (!isAppError(error, 'storage.denied')) throw error
    return { write: 'refused', reason: messageOf(error) }
  }
  // Known once something was saved.
  const overwrite = storage.properties.exclusiveCreate ? 'refused' : 'allowed'
  try {
    await storage.remove(file, { signal })
    return { write: 'allowed', overwrite, remove: (await storage.stat(file, { signal })) ? 'refused' : 'allowed' }
  } catch (error) {
    if (!isAppError(error, 'storage.denied')) throw error
    return { write: 'allowed', overwrite, remove: 'refused', reason: messageOf(error) }
  }
}

/** A directory without a repository, that need not be there yet: what is tried is the nearest that is. */
async function tryDirectory(directory: string): Promise<Allowed> {
  let nearest = directory
  while (nearest !== dirname(nearest) && !(await isThere(nearest))) nearest = dirname(nearest)
  try {
    await rmdir(await mkdtemp(join(nearest, 'nixen-trial-')))
    return { write: 'allowed', overwrite: 'refused', remove: 'allowed' }
  } catch (error) {
    return { write: 'refused', reason: messageOf(error) }
  }
}

async function isThere(path: string): Promise<boolean> {
  return await accessFile(path, constants.F_OK).then(
    () => true,
    () => false,
  )
}

const smallFiles = 8
const smallSize = 4096

/** Measures a storage with files as packs are, as many at once as a backup writes. They are removed again. */
export const benchmark: OperationCode<'benchmark'> = async (input, { access, signal, progress }) => {
  const { fileSize = 16 * MiB, files: count = 8 } = input
  await using storage = await openForTrial(access, signal)
  const { connections } = storage.properties
  // Content that no store can compress, made before the clock runs.
  const content = randomBytes(fileSize + count)
  const large = Array.from({ length: count }, (_, i) => newTrial(content.subarray(i, i + fileSize)))
  const small = Array.from({ length: smallFiles }, () => newTrial(randomBytes(smallSize)))
  const told = (phase: string, total: number) => {
    let done = 0
    return () => progress({ phase, done: ++done, total, unit: 'items' })
  }
  try {
    const writing = told('write', count)
    const written = await timed(() =>
      forEachConcurrent(large, connections, async ({ file, content: bytes }) => {
        await storage.save(file, [bytes], { signal })
        writing()
      }),
    )
    const reading = told('read', count)
    const read = await timed(() =>
      forEachConcurrent(large, connections, async ({ file }) => {
        await storage.load(file, { signal, cache: 'bypass' })
        reading()
      }),
    )
    const smallWrites: number[] = []
    for (const { file, content: bytes } of small) {
      smallWrites.push(await timed(() => storage.save(file, [bytes], { signal })))
    }
    const smallReads: number[] = []
    for (const { file } of small)
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
    await forEachConcurrent([...large, ...small], connections, async ({ file }) => {
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
