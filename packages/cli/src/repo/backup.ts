import { realpath } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename } from 'node:path'
import { backupDisks, type BackupDisk, type BackupResult } from '@nixen/backup'
import { formatBytes, formatDuration } from '@nixen/core'
import { openDisk, type DiskImage } from '@nixen/disk'
import { print, withProgress, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { openOptions, type OpenFlags } from '../disk/flags.ts'
import { cliErrors } from '../errors.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'

export interface BackupFlags extends CommonFlags, RepoFlags, OpenFlags {
  readonly host?: string
  readonly tag?: readonly string[]
}

interface OpenedImage {
  /** Where the image is, without symbolic links. */
  readonly path: string
  /** Name of the raw disk in the restore point. */
  readonly file: string
  readonly image: DiskImage
}

/** `nixen repo backup IMAGE…`: one restore point that holds the virtual disk of each image. */
export async function backup(context: NixenContext, flags: BackupFlags, ...paths: readonly string[]): Promise<void> {
  const start = context.clock.monotonic()
  await using repository = await openRepository(context, flags)
  await using stack = new AsyncDisposableStack()
  const images: OpenedImage[] = []
  for (const path of paths) {
    const image = stack.use(await openDisk(path, openOptions(flags, context.signal)))
    const file = fileNameFor(path)
    if (images.some((other) => other.file === file)) throw cliErrors.same_name({ file })
    images.push({ path: await realpath(path), file, image })
  }
  const host = flags.host ?? hostname()
  const result = await withProgress(context, flags, (view) =>
    backupDisks(repository, {
      host,
      // One image is told from another by where it is; a set of images by its first.
      path: images[0]?.path,
      disks: images.map(diskOf),
      vm: describeImages(host, images),
      tags: flags.tag,
      signal: context.signal,
      progress: ({ doneBytes, totalBytes, file }) => view.update({ done: doneBytes, total: totalBytes, phase: file }),
    }),
  )
  const ms = context.clock.monotonic() - start
  print(context, flags, { json: { ...result, ms: Math.round(ms) }, text: summary(result, ms) })
}

/** `web.qcow2` → `web.raw` */
function fileNameFor(path: string): string {
  return `${basename(path).replace(/\.[^.]+$/, '')}.raw`
}

function diskOf({ path, file, image }: OpenedImage): BackupDisk {
  const rawFile = image.info.format === 'raw' ? path : undefined
  return { name: file.replace(/\.raw$/, ''), file, source: image, ...(rawFile === undefined ? {} : { rawFile }) }
}

/** `vm.json` of images that belong to no VM that Nixen knows: where each came from. */
function describeImages(host: string, images: readonly OpenedImage[]): object {
  return {
    schema: 'nixen/disk-images/1',
    host,
    disks: images.map(({ path, file, image }) => ({
      file: `/${file}`,
      virtualSize: image.size,
      source: { path, format: image.info.format, details: image.info.details },
    })),
  }
}

function summary({ snapshot, disks, readBytes, newBytes, storedBytes }: BackupResult, ms: number): string {
  const size = disks.reduce((sum, disk) => sum + disk.size, 0)
  return [
    `Restore point ${snapshot.id.slice(0, 8)}: ${disks.map(({ file }) => file).join(', ')} (${formatBytes(size)})`,
    `read ${formatBytes(readBytes)}, new ${formatBytes(newBytes)}, stored ${formatBytes(storedBytes)}, in ${formatDuration(ms)}`,
  ].join('\n')
}
