import { formatDate } from '../output/date.ts'
import { counted } from '../output/count.ts'
import { formatTable } from '../output/table.ts'
import { listSnapshots, type Snapshot } from '@nixen/backup'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'

export interface SnapshotsFlags extends CommonFlags, RepoFlags {
  readonly host?: string
  readonly tag?: readonly string[]
}

/** `nixen repo snapshots` */
export async function snapshots(context: NixenContext, flags: SnapshotsFlags): Promise<void> {
  await using repository = await openRepository(context, flags)
  const all = await listSnapshots(repository, { signal: context.signal })
  const found = all.filter((point) => matches(point, flags))
  const table = formatTable(found, [
    { title: 'ID', text: ({ id }) => id.slice(0, 8) },
    { title: 'TIME', text: ({ time }) => formatDate(time) },
    { title: 'HOST', text: ({ hostname }) => hostname },
    { title: 'PATHS', text: ({ paths }) => paths.join(', ') },
    { title: 'TAGS', text: ({ tags }) => tags.join(', ') },
  ])
  const outOf = found.length === all.length ? '' : ` (of ${all.length})`
  print(context, flags, {
    json: found,
    text:
      all.length === 0
        ? 'There is no restore point yet.'
        : `${table}\n${counted(found.length, 'restore point')}${outOf}`,
  })
}

/** Whether a restore point is of this host and has all of these tags. */
export function matches(
  point: Snapshot,
  { host, tag = [] }: { readonly host?: string; readonly tag?: readonly string[] },
): boolean {
  return (host === undefined || point.hostname === host) && tag.every((wanted) => point.tags.includes(wanted))
}
