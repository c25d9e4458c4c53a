import { isAppError } from '@nixen/core'
import type { Repository } from '../repository/repository.ts'
import { loadSnapshot } from '../snapshot/snapshot.ts'
import { findNode } from '../tree/read-tree.ts'
import type { BackupDisk } from './backup-request.ts'
import { chunkGrid, chunkLength, type ChunkGrid } from './chunk-grid.ts'
import { parentSlots } from './parent-slots.ts'
import { planChunks, type ChunkPlan } from './plan-chunks.ts'

export interface PlannedDisk {
  readonly disk: BackupDisk
  readonly file: string
  readonly plan: ChunkPlan
  readonly mode: 'changes' | 'full'
  readonly reason?: string | undefined
  readonly readBytes: number
}

/**
 * What has to be read of a disk. A change list that does not fit its parent is not used: the disk is then read as a whole, which is always right,
 * and the reason is told.
 */
export async function planDisk(
  repository: Repository,
  disk: BackupDisk,
  { file, signal }: { file: string; signal: AbortSignal },
): Promise<PlannedDisk> {
  const grid = chunkGrid(disk.name, disk.source.size)
  const parent = disk.changed && (await findParent(repository, disk, { file, grid, signal }))
  const fromParent = parent && 'slots' in parent ? parent.slots : undefined
  const extents = fromParent && disk.changed ? disk.changed.extents : disk.source.extents({ signal })
  const plan = await planChunks(grid, extents, fromParent)
  let readBytes = 0
  for (const chunk of plan.read) readBytes += chunkLength(grid, chunk)
  return {
    disk,
    file,
    plan,
    mode: fromParent ? 'changes' : 'full',
    readBytes,
    ...(parent && 'reason' in parent ? { reason: parent.reason } : {}),
  }
}

async function findParent(
  repository: Repository,
  { changed }: BackupDisk,
  { file, grid, signal }: { file: string; grid: ChunkGrid; signal: AbortSignal },
): Promise<{ slots: Int32Array } | { reason: string }> {
  if (!changed) return { reason: 'there is no list of changes' }
  try {
    const { tree } = await loadSnapshot(repository, changed.parent, { signal })
    const node = await findNode(repository, tree, changed.file ?? file, { signal })
    if (!node?.content) return { reason: `restore point ${changed.parent.slice(0, 8)} has no such disk` }
    return parentSlots(repository.index, { content: node.content, size: node.size }, grid)
  } catch (error) {
    // The restore point was forgotten or is damaged; anything else (the storage does not answer) is a failure.
    const gone = ['storage.not_found', 'backup.file_damaged', 'backup.blob_missing', 'backup.blob_damaged']
    if (!gone.some((code) => isAppError(error, code))) throw error
    return { reason: `restore point ${changed.parent.slice(0, 8)} is gone or damaged` }
  }
}
