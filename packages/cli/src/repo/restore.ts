import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { restoreDisk, type Repository, type RestoreResult, type Snapshot } from '@nixen/backup'
import { formatBytes } from '@nixen/core'
import { createDisk } from '@nixen/disk'
import { print, withProgress, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { targetOptions, type TargetFlags } from '../disk/flags.ts'
import { exitCodes } from '../failure.ts'
import { chooseDisk, listDisks } from './choose-disk.ts'
import { chooseSnapshot, type LatestOf } from './choose-snapshot.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'

export interface RestoreFlags extends CommonFlags, RepoFlags, TargetFlags, LatestOf {
  readonly disk?: string
  readonly all: boolean
  readonly goOn: boolean
}

interface RestorePlan {
  /** Path in the restore point. */
  readonly path: string
  readonly size: number
  readonly target: string
}

/** `nixen repo restore SNAPSHOT TARGET` */
export async function restore(context: NixenContext, flags: RestoreFlags, name: string, target: string): Promise<void> {
  await using repository = await openRepository(context, flags)
  const { signal } = context
  await repository.loadIndex({ signal })
  const snapshot = await chooseSnapshot(repository, name, { of: flags, signal })
  const plans = await planTargets({ repository, snapshot, signal }, flags, target)
  const results: (RestorePlan & RestoreResult)[] = []
  for (const plan of plans) {
    results.push({ ...plan, ...(await restoreOne({ context, repository, snapshot }, flags, plan)) })
  }
  const lost = results.some((result) => result.lost.length > 0)
  print(context, flags, {
    json: results.map(({ path, target, size, writtenBytes, lost }) => ({ path, target, size, writtenBytes, lost })),
    text: results.map(describe).join('\n'),
  })
  if (lost) context.process.exitCode = exitCodes.different
}

async function planTargets(
  { repository, snapshot, signal }: { repository: Repository; snapshot: Snapshot; signal: AbortSignal },
  { disk, all, to = 'raw' }: RestoreFlags,
  target: string,
): Promise<RestorePlan[]> {
  if (!all) return [{ ...(await chooseDisk(repository, { snapshot, disk, signal })), target }]
  await mkdir(target, { recursive: true })
  const disks = await listDisks(repository, { snapshot, signal })
  // The name says the format, as it does of a single disk.
  return disks.map(({ path, size }) => ({ path, size, target: join(target, path.replace(/\.raw$/, `.${to}`)) }))
}

async function restoreOne(
  { context, repository, snapshot }: { context: NixenContext; repository: Repository; snapshot: Snapshot },
  flags: RestoreFlags,
  { path, size, target }: RestorePlan,
): Promise<RestoreResult> {
  const { signal } = context
  await using sink = await createDisk(target, targetOptions(flags, { size, signal }))
  return await withProgress(context, flags, (view) =>
    restoreDisk(repository, sink, {
      snapshot,
      path,
      onDamage: flags.goOn ? 'zero-and-report' : 'stop',
      signal,
      progress: ({ doneBytes, totalBytes }) => view.update({ done: doneBytes, total: totalBytes, phase: path }),
    }),
  )
}

function describe({ path, target, size, writtenBytes, lost }: RestorePlan & RestoreResult): string {
  const line = `${path} is restored to ${target}: ${formatBytes(size)}, ${formatBytes(writtenBytes)} of it data`
  if (lost.length === 0) return line
  const ranges = lost.map(({ offset, length }) => `  bytes ${offset} to ${offset + length} (${formatBytes(length)})`)
  return [`${line}.\nThese ranges are lost and read as zeros:`, ...ranges].join('\n')
}
