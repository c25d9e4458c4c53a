import type { ByteStream } from '@nixen/core'
import type { Xapi } from '../session/xapi.ts'
import { download } from './download.ts'
import type { TransferOptions } from './transfer-task.ts'
import { upload } from './upload.ts'

/** The pool's database as XML: the metadata of everything, for disaster recovery. Holds secrets. */
export function dumpPoolDatabase(
  xapi: Xapi,
  { signal, onProgress }: TransferOptions = {},
): AsyncGenerator<Uint8Array, void> {
  return download(xapi, { path: '/pool/xmldbdump', query: {}, label: 'Dump of the pool database', signal, onProgress })
}

export interface RestorePoolDatabaseOptions extends TransferOptions {
  /** Only checks the dump. */
  readonly dryRun: boolean
  readonly length?: number
}

/**
 * Replaces the pool's database. Without `dryRun` the toolstack restarts when it has read the dump, and takes its tasks with it: `xapi.task_lost`
 * then only says that. Connect again to see the restored state.
 */
export async function restorePoolDatabase(
  xapi: Xapi,
  dump: ByteStream,
  options: RestorePoolDatabaseOptions,
): Promise<void> {
  const { dryRun, length, signal, onProgress } = options
  const query = { dry_run: dryRun || undefined }
  await upload(xapi, {
    path: '/pool/xmldbdump', query, body: dump, length, resultType: 'any', label: 'Restore of the pool database', signal, onProgress,
  }) // prettier-ignore
}
