import { unlock as unlockRepository } from '@nixen/backup'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { formatDate } from '../output/date.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'

/** `nixen repo unlock` */
export async function unlock(
  context: NixenContext,
  flags: CommonFlags & RepoFlags & { readonly all: boolean },
): Promise<void> {
  await using repository = await openRepository(context, flags)
  const removed = await unlockRepository(repository, { all: flags.all, signal: context.signal })
  const lines = removed.map(
    ({ hostname, pid, time }) => `Removed the lock of process ${pid} on ${hostname}, last seen ${formatDate(time)}.`,
  )
  print(context, flags, { json: removed, text: lines.join('\n') || 'There was no stale lock.' })
}
