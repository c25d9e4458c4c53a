import { listFiles } from '@nixen/backup'
import { formatBytes } from '@nixen/core'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { formatDate } from '../output/date.ts'
import { formatTable } from '../output/table.ts'
import { chooseSnapshot, type LatestOf } from './choose-snapshot.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'

/** `nixen repo ls SNAPSHOT` */
export async function ls(
  context: NixenContext,
  flags: CommonFlags & RepoFlags & LatestOf,
  name: string,
): Promise<void> {
  await using repository = await openRepository(context, flags)
  const { signal } = context
  await repository.loadIndex({ signal })
  const snapshot = await chooseSnapshot(repository, name, { of: flags, signal })
  const files = await Array.fromAsync(listFiles(repository, snapshot, { signal }))
  const text = formatTable(files, [
    { title: 'SIZE', text: ({ size, type }) => (type === 'file' ? formatBytes(size) : ''), align: 'right' },
    { title: 'MODIFIED', text: ({ modified }) => formatDate(modified) },
    { title: 'PATH', text: ({ path, type }) => (type === 'dir' ? `${path}/` : path) },
  ])
  print(context, flags, { json: { snapshot, files }, text })
}
