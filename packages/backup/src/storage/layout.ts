import type { FileId, FileKind } from './storage.ts'

/** Folder of each kind, as restic lays a repository out ("default" layout). `config` is a file of that name. */
const folders: Readonly<Record<FileKind, string>> = {
  config: '',
  key: 'keys',
  lock: 'locks',
  snapshot: 'snapshots',
  index: 'index',
  data: 'data',
  note: 'nixen-notes',
  evidence: 'nixen-evidence',
}

const namePattern = /^[0-9a-f]{64}$/

/** All kinds that restic knows, in the order in which a repository is made. */
export const fileKinds: readonly FileKind[] = ['config', 'key', 'lock', 'snapshot', 'index', 'data']

/** Kinds that only Nixen knows. Their folders are made with their first file. */
export const ownKinds: readonly FileKind[] = ['note', 'evidence']

/** Whether `name` is that of a file of a repository: 64 hexadecimal digits in lower case. */
export function isFileName(name: string): boolean {
  return namePattern.test(name)
}

/** Folder where the files of `kind` lie, without a slash at the end. Packs lie one folder deeper, by their first two digits. */
export function folderOf(kind: FileKind): string {
  return folders[kind]
}

/**
 * Path of a file inside its repository, with slashes.
 *
 * @throws RangeError for names that no repository has, so that nothing outside of it is ever touched
 */
export function pathOf({ kind, name }: FileId): string {
  if (kind === 'config') return 'config'
  if (!isFileName(name)) throw new RangeError(`Not the name of a ${kind} file: ${name.slice(0, 80)}`)
  if (kind === 'data') return `data/${name.slice(0, 2)}/${name}`
  return `${folders[kind]}/${name}`
}
