import { backupErrors } from '../errors.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { findSnapshot, type Snapshot } from '../snapshot/snapshot.ts'
import { findNode, walkTree } from '../tree/read-tree.ts'
import type { TreeNode } from '../tree/node.ts'
import { diskMap, type DiskMap } from './disk-map.ts'

/** A file of a restore point as `listFiles` tells it. */
export interface RestorePointFile {
  readonly path: string
  readonly type: TreeNode['type']
  readonly size: number
  /** Epoch milliseconds. */
  readonly modified: number
}

/** The restore point and one of its files. Errors: `backup.snapshot_not_found`, `backup.file_not_in_snapshot`, those of `loadTree`. */
export async function openFile(
  repository: Repository,
  { snapshot, path }: { snapshot: string | Snapshot; path: string },
  options: SignalOption = {},
): Promise<{ snapshot: Snapshot; node: TreeNode; map: DiskMap }> {
  const point = typeof snapshot === 'string' ? await findSnapshot(repository, snapshot, options) : snapshot
  const node = await findNode(repository, point.tree, path, options)
  if (!node?.content) throw backupErrors.file_not_in_snapshot({ snapshot: point.id.slice(0, 8), path })
  return { snapshot: point, node, map: diskMap(repository.index, node, path) }
}

/** All files of a restore point, without reading any of them. */
export async function* listFiles(
  repository: Repository,
  snapshot: Snapshot,
  options: SignalOption = {},
): AsyncGenerator<RestorePointFile> {
  for await (const { path, node } of walkTree(repository, snapshot.tree, options)) {
    yield { path, type: node.type, size: node.size, modified: node.modified }
  }
}

/** The whole of a file, for small ones. Errors: `backup.blob_too_large` beyond `limit` bytes (64 MiB), those of `openFile` and `loadBlob`. */
export async function readFile(
  repository: Repository,
  file: { snapshot: string | Snapshot; path: string },
  { limit = 64 * 1024 * 1024, ...options }: SignalOption & { limit?: number } = {},
): Promise<Buffer> {
  const { node } = await openFile(repository, file, options)
  if (node.size > limit) throw backupErrors.blob_too_large({ size: node.size, limit })
  const parts: Uint8Array[] = []
  for (const id of node.content ?? []) parts.push(await repository.loadBlob('data', id, options))
  return Buffer.concat(parts)
}

/** The description of the VM in a restore point (`/vm.json`). */
export async function readVm(
  repository: Repository,
  snapshot: string | Snapshot,
  options: SignalOption = {},
): Promise<unknown> {
  const path = '/vm.json'
  const bytes = await readFile(repository, { snapshot, path }, options)
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw backupErrors.tree_invalid({ tree: path, reason: 'it is not JSON' }, { cause: error })
  }
}
