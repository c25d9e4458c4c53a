import { isRecord } from '@nixen/core'
import { backupErrors, damaged } from '../errors.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'

/** A restore point as restic knows it: one moment of one host's paths. */
export interface Snapshot {
  /** Name of the snapshot file, 64 hexadecimal digits. */
  readonly id: string
  /** Epoch milliseconds. */
  readonly time: number
  /** Id of the root tree. */
  readonly tree: string
  readonly paths: readonly string[]
  readonly hostname: string
  readonly username: string
  readonly tags: readonly string[]
  /** The restore point this one was made after, if it still exists. */
  readonly parent?: string | undefined
  /** Set when tags were changed later: the first id. */
  readonly original?: string | undefined
  readonly programVersion?: string | undefined
}

export type NewSnapshot = Omit<Snapshot, 'id'>

const idPattern = /^[0-9a-f]{64}$/

/** The JSON of a snapshot file (restic's design document, "Snapshots"). */
export function encodeSnapshot(snapshot: NewSnapshot): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      time: new Date(snapshot.time).toISOString(),
      ...(snapshot.parent ? { parent: snapshot.parent } : {}),
      tree: snapshot.tree,
      paths: snapshot.paths,
      hostname: snapshot.hostname,
      username: snapshot.username,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      ...(snapshot.tags.length > 0 ? { tags: snapshot.tags } : {}),
      ...(snapshot.original ? { original: snapshot.original } : {}),
      ...(snapshot.programVersion ? { program_version: snapshot.programVersion } : {}),
    }),
  )
}

/** Errors: `backup.file_damaged`. */
export function decodeSnapshot(id: string, bytes: Uint8Array): Snapshot {
  const value = parse(id, bytes)
  const time = typeof value['time'] === 'string' ? Date.parse(value['time']) : Number.NaN
  if (Number.isNaN(time)) throw damaged('snapshot', id, 'it has no time')
  const { tree, parent, original, program_version: program } = value
  if (typeof tree !== 'string' || !idPattern.test(tree)) throw damaged('snapshot', id, 'it has no tree')
  return {
    id,
    time,
    tree,
    paths: texts(value['paths']),
    hostname: text(value['hostname']),
    username: text(value['username']),
    tags: texts(value['tags']),
    ...(typeof parent === 'string' ? { parent } : {}),
    ...(typeof original === 'string' ? { original } : {}),
    ...(typeof program === 'string' ? { programVersion: program } : {}),
  }
}

/** Saves a snapshot: from then on the restore point exists. Everything it names must be durable before. */
export async function saveSnapshot(
  repository: Repository,
  snapshot: NewSnapshot,
  options: SignalOption = {},
): Promise<Snapshot> {
  const id = await repository.saveUnpacked('snapshot', encodeSnapshot(snapshot), options)
  return { ...snapshot, id }
}

/** One restore point. Errors: `backup.file_damaged`, `storage.not_found`. */
export async function loadSnapshot(repository: Repository, id: string, options: SignalOption = {}): Promise<Snapshot> {
  return decodeSnapshot(id, await repository.loadUnpacked('snapshot', id, options))
}

/** All restore points, oldest first. A damaged one is an error: use `check` to find all of them. */
export async function listSnapshots(repository: Repository, options: SignalOption = {}): Promise<Snapshot[]> {
  const snapshots: Snapshot[] = []
  for await (const { name } of repository.storage.list('snapshot', options)) {
    options.signal?.throwIfAborted()
    snapshots.push(await loadSnapshot(repository, name, options))
  }
  return snapshots.sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
}

/**
 * The restore point that `name` means: `latest`, a full id, or its first digits.
 *
 * Errors: `backup.snapshot_not_found`, `backup.ambiguous_snapshot`.
 */
export async function findSnapshot(
  repository: Repository,
  name: string,
  options: SignalOption = {},
): Promise<Snapshot> {
  if (name === 'latest') {
    const latest = (await listSnapshots(repository, options)).at(-1)
    if (!latest) throw backupErrors.snapshot_not_found({ snapshot: name })
    return latest
  }
  const candidates: string[] = []
  if (/^[0-9a-f]{2,64}$/.test(name)) {
    for await (const file of repository.storage.list('snapshot', options)) {
      if (file.name.startsWith(name)) candidates.push(file.name)
    }
  }
  const [first] = candidates
  if (first === undefined) throw backupErrors.snapshot_not_found({ snapshot: name })
  if (candidates.length > 1) {
    throw backupErrors.ambiguous_snapshot({ snapshot: name, candidates: candidates.map((id) => id.slice(0, 12)) })
  }
  return loadSnapshot(repository, first, options)
}

function parse(id: string, bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    if (isRecord(value)) return value
  } catch (error) {
    throw damaged('snapshot', id, 'it is not JSON', error)
  }
  throw damaged('snapshot', id, 'it is not an object')
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
