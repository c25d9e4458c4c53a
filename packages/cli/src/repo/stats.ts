import { repositoryStats, type RepositoryStats } from '@nixen/backup'
import { formatBytes } from '@nixen/core'
import { print, withProgress, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { formatFields, formatTable } from '../output/table.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'

/** `nixen repo stats` */
export async function stats(context: NixenContext, flags: CommonFlags & RepoFlags): Promise<void> {
  await using repository = await openRepository(context, flags)
  const found = await withProgress(context, flags, (view) =>
    repositoryStats(repository, {
      signal: context.signal,
      progress: ({ done, total }) => view.update({ done, total, phase: 'restore points', unit: 'items' }),
    }),
  )
  print(context, flags, { json: found, text: describe(found) })
}

function describe(found: RepositoryStats): string {
  const groups = formatTable(found.groups, [
    { title: 'HOST', text: ({ group }) => group },
    { title: 'POINTS', text: ({ points }) => String(points), align: 'right' },
    { title: 'RESTORE SIZE', text: ({ restoreSize }) => formatBytes(restoreSize), align: 'right' },
    { title: 'UNIQUE', text: ({ uniqueSize }) => formatBytes(uniqueSize), align: 'right' },
    { title: 'STORED', text: ({ storedSize }) => formatBytes(storedSize), align: 'right' },
    { title: 'ONLY HERE', text: ({ exclusiveSize }) => formatBytes(exclusiveSize), align: 'right' },
  ])
  const totals = formatFields([
    ['restore points', String(found.points)],
    ['size of all restored', formatBytes(found.totalRestoreSize)],
    ['unique', `${formatBytes(found.uniqueSize)} (deduplication ${found.deduplication.toFixed(2)}x)`],
    ['stored', `${formatBytes(found.storedSize)} (compression ${found.compression.toFixed(2)}x)`],
    ['unused', formatBytes(found.unusedSize)],
    ['packs', `${found.files.data.count} (${formatBytes(found.files.data.size)})`],
  ])
  return `${groups}\n\n${totals}`
}
