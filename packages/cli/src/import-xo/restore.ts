import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openExport, openXoDisk, scanBackups, xoErrors, type XoBackup, type XoStore } from '@nixen/backup'
import { formatBytes } from '@nixen/core'
import { convert, createDisk, diskSizeFor, formatForPath, type DiskSource } from '@nixen/disk'
import { print, withProgress } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { targetOptions, type TargetFlags } from '../disk/flags.ts'
import { cliErrors } from '../errors.ts'
import { openSource, type SourceFlags } from './open.ts'

export type RestoreFlags = SourceFlags & TargetFlags & { readonly disk?: string; readonly work?: string }

/** `nixen import xo restore FOLDER BACKUP TARGET`: a disk of a backup as an image file, without converting anything. */
export async function restore(
  context: NixenContext,
  flags: RestoreFlags,
  ...[folder, name, target]: readonly [string, string, string]
): Promise<void> {
  const store = await openSource(context, flags, folder)
  const backup = await findBackup(store, name)
  await using stack = new AsyncDisposableStack()
  const source = stack.use(await openOne(store, backup, { flags, stack, signal: context.signal }))
  const size = (flags.to ?? formatForPath(target)?.name) === 'raw' ? source.size : diskSizeFor(source.size)
  await using sink = await createDisk(target, targetOptions(flags, { size, signal: context.signal }))
  const { written } = await withProgress(context, flags, (view) =>
    convert(source, sink, {
      signal: context.signal,
      progress: ({ bytes, total }) => view.update({ done: bytes, total, phase: 'restoring' }),
    }),
  )
  print(context, flags, {
    json: { backup: backup.file, target, virtualSize: source.size, written },
    text: `${target}: ${formatBytes(source.size)}, ${formatBytes(written)} of it data, of ${backup.name}`,
  })
}

/** By the name of its file, as `plan --json` tells it, or the end of it. */
async function findBackup(store: XoStore, name: string): Promise<XoBackup> {
  const { backups } = await scanBackups(store)
  const found = backups.filter(({ file }) => file === name || file.endsWith(`/${name}`))
  const [only, ...others] = found
  if (!only) throw xoErrors.missing({ file: name })
  if (others.length > 0) throw cliErrors.ambiguous_backup({ name, candidates: found.map(({ file }) => file) })
  return only
}

async function openOne(
  store: XoStore,
  backup: XoBackup,
  { flags, stack, signal }: { flags: RestoreFlags; stack: AsyncDisposableStack; signal: AbortSignal },
): Promise<DiskSource> {
  const chosen = <D extends { readonly key: string; readonly name: string }>(disks: readonly D[]): D => {
    const wanted = disks.filter(
      ({ key, name }) => flags.disk === undefined || key === flags.disk || name === flags.disk,
    )
    const [only, ...others] = wanted
    if (only && others.length === 0) return only
    throw cliErrors.which_backup_disk({ backup: backup.file, disks: disks.map(({ key, name }) => `${key} (${name})`) })
  }
  if (backup.xva === undefined) return await openXoDisk(store, chosen(backup.disks))
  const work = await mkdtemp(join(flags.work ?? tmpdir(), 'nixen-restore-'))
  stack.defer(async () => await rm(work, { recursive: true, force: true }))
  return chosen(stack.use(await openExport(store, backup.xva, { work, signal })).disks).source
}
