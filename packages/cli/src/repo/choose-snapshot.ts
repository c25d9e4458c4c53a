import { findSnapshot, listSnapshots, type Repository, type Snapshot } from '@nixen/backup'
import { cliErrors } from '../errors.ts'
import { matches } from './snapshots.ts'

/** Which restore points `latest` chooses from. */
export interface LatestOf {
  readonly host?: string
  readonly tag?: readonly string[]
}

/**
 * The restore point of a name: the first digits of its id, or `latest`, the newest of a host or with tags where these are given.
 *
 * Errors: `cli.no_latest`, `backup.snapshot_not_found`, `backup.ambiguous_snapshot`.
 */
export async function chooseSnapshot(
  repository: Repository,
  name: string,
  { of, signal }: { readonly of: LatestOf; readonly signal: AbortSignal },
): Promise<Snapshot> {
  const isNarrow = of.host !== undefined || (of.tag?.length ?? 0) > 0
  if (name !== 'latest' || !isNarrow) return await findSnapshot(repository, name, { signal })
  const newest = (await listSnapshots(repository, { signal })).findLast((point) => matches(point, of))
  if (!newest) throw cliErrors.no_latest({ host: of.host, tags: of.tag ?? [] })
  return newest
}
