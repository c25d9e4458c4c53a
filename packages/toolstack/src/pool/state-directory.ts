import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isRecord, systemCode } from '@nixen/core'
import { openSqliteStore } from '../db/sqlite-store.ts'
import { toolstackErrors } from '../errors.ts'
import { renameDurable, syncDirectory, writeDurable } from '../storage/file-sr/durable.ts'

/** Name of the file that says how many pools there ever were: a pool that is gone is not made again. */
const countFile = 'pools.json'

/** A host that joined a pool, whose files have to follow; kept as a note of the pool until they have. */
export interface JoinedHost {
  /** UUID. */
  readonly host: string
  /** Directory of the host's old pool. */
  readonly from: string
  /** UUIDs of the SRs that came along. */
  readonly srs: readonly string[]
}

/** A host that left a pool for one of its own; kept as a note of the pool until its files are gone. */
export interface EjectedHost {
  /** UUID. */
  readonly host: string
  /** Directory of its new pool, which lies beside it as `NAME.new` until the pool has let the host go. */
  readonly to: string
  /** UUIDs of the local SRs, whose files go. */
  readonly srs: readonly string[]
}

/** Keys of the notes, before the UUID of the host. */
export const joinedKey = 'joined:'
export const ejectedKey = 'ejected:'

export const poolDirectory = (index: number): string => `pool-${index + 1}`

/** The pools that a directory holds, and how many there ever were. */
export interface KnownPools {
  /** From 0. */
  readonly indices: readonly number[]
  readonly made: number
}

/**
 * Looks at what a directory holds. What a killed process left half done when a host changed its pool is finished first: each step may be done again,
 * and what says that it is to be done goes last.
 */
export async function openStateDirectory(root: string): Promise<KnownPools> {
  for (const name of await poolNames(root)) await finishMoves(root, name)
  for (const name of await readdir(root)) {
    // Never seen by anybody, or not needed any more.
    if (/^(pool-\d+\.(new|gone)|pools\.json\.new)$/.test(name))
      await rm(join(root, name), { recursive: true, force: true })
  }
  const indices = (await poolNames(root))
    .map((name) => Number(name.slice('pool-'.length)) - 1)
    .toSorted((a, b) => a - b)
  return { indices, made: Math.max((indices.at(-1) ?? -1) + 1, await readCount(root)) }
}

async function poolNames(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory() && /^pool-\d+$/.test(entry.name)).map(({ name }) => name)
}

async function readCount(root: string): Promise<number> {
  const path = join(root, countFile)
  try {
    const kept: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (isRecord(kept) && Number.isSafeInteger(kept['made'])) return Number(kept['made'])
    throw toolstackErrors.state_unreadable({ path, reason: '"made" must be a whole number' })
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
    if (!(error instanceof SyntaxError)) throw error
    throw toolstackErrors.state_unreadable({ path, reason: error.message }, { cause: error })
  }
}

/** Keeps how many pools there ever were. */
export async function writeCount(root: string, made: number): Promise<void> {
  await writeDurable(join(root, countFile), `${JSON.stringify({ made })}\n`)
}

async function finishMoves(root: string, name: string): Promise<void> {
  const path = join(root, name, 'state.sqlite')
  // A pool that was about to be made has nothing to finish.
  if (!(await isThere(path))) return
  const store = openSqliteStore(path)
  const notes = store.notes()
  store.close()
  for (const [key, text] of notes) {
    // Written by this version, in one transaction with what they are about.
    if (key.startsWith(joinedKey)) await followHost(root, name, JSON.parse(text) as JoinedHost)
    if (key.startsWith(ejectedKey)) await leaveHost(root, name, JSON.parse(text) as EjectedHost)
  }
}

/** Moves the files of a host that joined into the directory of its pool. */
export async function followHost(root: string, into: string, { host, from, srs }: JoinedHost): Promise<void> {
  const [old, directory] = [join(root, from), join(root, into)]
  await moveSrs(join(old, 'sr'), join(directory, 'sr'), srs)
  // A host may have a certificate of its own, from a pool before.
  const own = await firstThere([join(old, certificateFile(host)), join(old, 'tls.json')])
  const place = join(directory, certificateFile(host))
  if (own !== undefined && !(await isThere(place))) await renameDurable(own, place)
  if (!(await isThere(old))) return
  await renameDurable(old, `${old}.gone`)
  await rm(`${old}.gone`, { recursive: true, force: true })
}

/** Moves directories of SRs, those that are there. */
export async function moveSrs(from: string, to: string, srs: readonly string[]): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const sr of srs) {
    if (await isThere(join(from, sr))) await rename(join(from, sr), join(to, sr))
  }
  await syncDirectory(to)
}

/** Puts the directory of an ejected host's own pool in its place, and removes what the host had in the old one. */
export async function leaveHost(root: string, from: string, { host, to, srs }: EjectedHost): Promise<void> {
  const [made, place] = [join(root, `${to}.new`), join(root, to)]
  if (await isThere(made)) await renameDurable(made, place)
  for (const sr of srs) await rm(join(root, from, 'sr', sr), { recursive: true, force: true })
  await rm(join(root, from, certificateFile(host)), { force: true })
}

/** The file of a certificate that is a host's own, in the directory of its pool. */
export const certificateFile = (host: string): string => `tls-${host}.json`

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isThere(path)) return path
  return undefined
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false
      throw error
    },
  )
}
