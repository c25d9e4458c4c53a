import { lockForReading, restorePointDisk } from '@nixen/backup'
import type { CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { serveDisk } from '../serve-disk.ts'
import type { ListenFlags } from '../serving.ts'
import { chooseDisk } from './choose-disk.ts'
import { chooseSnapshot, type LatestOf } from './choose-snapshot.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'

export interface ServeFlags extends CommonFlags, RepoFlags, ListenFlags, LatestOf {
  readonly disk?: string
}

/** `nixen repo serve SNAPSHOT`: a disk of a restore point over NBD, without restoring it, until it is interrupted. */
export async function serve(context: NixenContext, flags: ServeFlags, name: string): Promise<void> {
  await using repository = await openRepository(context, flags)
  const { signal } = context
  // As long as it is served no prune may take its data away.
  await using _lock = await lockForReading(repository, { signal })
  await repository.loadIndex({ signal })
  const snapshot = await chooseSnapshot(repository, name, { of: flags, signal })
  const { path } = await chooseDisk(repository, { snapshot, disk: flags.disk, signal })
  await serveDisk(context, flags, {
    name: `${path} of ${snapshot.id.slice(0, 8)}`,
    open: () => restorePointDisk(repository, { snapshot, path }),
  })
}
