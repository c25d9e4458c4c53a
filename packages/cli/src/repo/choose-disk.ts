import { listFiles, type Repository, type RestorePointFile, type Snapshot } from '@nixen/backup'
import { cliErrors } from '../errors.ts'

interface Place {
  readonly snapshot: Snapshot
  readonly signal: AbortSignal
}

/** The disks of a restore point: its raw files. */
export async function listDisks(repository: Repository, { snapshot, signal }: Place): Promise<RestorePointFile[]> {
  const files = await Array.fromAsync(listFiles(repository, snapshot, { signal }))
  return files.filter(({ path, type }) => type === 'file' && path.endsWith('.raw'))
}

/** The only disk, or the one that is called `disk`, with or without the slash. Errors: `cli.no_disk`, `cli.which_disk`. */
export async function chooseDisk(
  repository: Repository,
  { disk, ...place }: Place & { readonly disk?: string | undefined },
): Promise<RestorePointFile> {
  const disks = await listDisks(repository, place)
  const wanted = disk === undefined ? disks : disks.filter(({ path }) => path === disk || path === `/${disk}`)
  const [first] = wanted
  const names = disks.map(({ path }) => path)
  if (!first) throw cliErrors.no_disk({ disk: disk ?? 'disk', disks: names })
  if (wanted.length > 1) throw cliErrors.which_disk({ disks: names })
  return first
}
