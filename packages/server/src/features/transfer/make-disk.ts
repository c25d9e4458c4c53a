import type { DiskId, imageFormats, StorageId } from '@nixen/api'
import type { ActionTask, ProviderSession } from '@nixen/providers'
import type { CheckedFile } from './incoming.ts'
import { openImage } from './open-image.ts'
import type { Spool } from './spool.ts'

export interface ImageInput {
  readonly format: 'auto' | (typeof imageFormats)[number]
  readonly size?: number | undefined
  readonly spool: boolean
}

export interface DiskWish extends ImageInput {
  readonly name: string
  readonly description: string
}

export interface DiskSourceFile {
  readonly session: ProviderSession
  readonly spool: Spool
  readonly file: CheckedFile
}

/** Makes a disk of a file; on a storage for installation images the file as it is. */
export async function makeDisk(
  { session, spool, file }: DiskSourceFile,
  wish: DiskWish & { readonly storage: StorageId; readonly isForImages: boolean },
  task: ActionTask,
): Promise<{ readonly made: readonly [DiskId] }> {
  const { storage, name, description, isForImages } = wish
  const input = isForImages ? { ...wish, format: 'raw' as const, spool: false } : wish
  await using disk = await openImage(file, { ...input, ascending: isForImages }, portsOf(spool, task))
  return { made: [await session.transfer.importDisk({ storage, name, description, disk }, task)] }
}

/** Writes a file over a disk. */
export async function overwriteDisk(
  { session, spool, file }: DiskSourceFile,
  wish: ImageInput & { readonly id: DiskId },
  task: ActionTask,
): Promise<void> {
  await using disk = await openImage(file, { ...wish, ascending: true }, portsOf(spool, task))
  await session.transfer.overwriteDisk({ id: wish.id, disk }, task)
}

function portsOf(spool: Spool, task: ActionTask): Parameters<typeof openImage>[2] {
  return { spool, signal: task.signal, log: (line) => task.log(line) }
}
