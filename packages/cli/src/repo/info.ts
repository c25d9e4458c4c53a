import { listLocks, listSnapshots, type FileKind, type Storage } from '@nixen/backup'
import { formatBytes } from '@nixen/core'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { formatDate } from '../output/date.ts'
import { formatFields } from '../output/table.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'

/** `nixen repo info` */
export async function info(context: NixenContext, flags: CommonFlags & RepoFlags): Promise<void> {
  await using repository = await openRepository(context, flags)
  const { signal } = context
  const points = await listSnapshots(repository, { signal })
  const locks = await listLocks(repository, { signal })
  const packs = await measure(repository.storage, 'data', signal)
  const index = await measure(repository.storage, 'index', signal)
  const keys = await Array.fromAsync(repository.keys({ signal }))
  const newest = points.at(-1)
  const found = {
    location: repository.storage.properties.location,
    id: repository.id,
    version: repository.config.version,
    restorePoints: points.length,
    newest: newest?.time,
    packs,
    index,
    keys: keys.length,
    locks,
  }
  const text = formatFields([
    ['location', found.location],
    ['id', found.id],
    ['format', `restic, version ${found.version}`],
    ['restore points', `${points.length}${newest ? `, the newest from ${formatDate(newest.time)}` : ''}`],
    ['packs', `${packs.files} (${formatBytes(packs.bytes)})`],
    ['index', `${index.files} files (${formatBytes(index.bytes)})`],
    ['keys', String(keys.length)],
    ...locks.map(
      ({ hostname, pid, exclusive, time }) =>
        [
          'lock',
          `${exclusive ? 'exclusive' : 'shared'}, process ${pid} on ${hostname}, last seen ${formatDate(time)}`,
        ] as const,
    ),
  ])
  print(context, flags, { json: found, text })
}

async function measure(
  storage: Storage,
  kind: FileKind,
  signal: AbortSignal,
): Promise<{ files: number; bytes: number }> {
  const sum = { files: 0, bytes: 0 }
  for await (const { size } of storage.list(kind, { signal })) {
    sum.files++
    sum.bytes += size
  }
  return sum
}
