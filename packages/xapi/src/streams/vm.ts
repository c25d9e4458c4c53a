import type { ByteStream } from '@nixen/core'
import type { Xapi } from '../session/xapi.ts'
import type { Ref } from '../values/ref.ts'
import { download } from './download.ts'
import type { TransferOptions } from './transfer-task.ts'
import { upload } from './upload.ts'

/** How an XVA is packed. `zstd` needs XCP-ng 8.1 or XenServer 8. */
export type XvaCompression = 'none' | 'gzip' | 'zstd'

export interface ExportVmOptions extends TransferOptions {
  readonly compression?: XvaCompression
  /** Keeps the memory of a suspended VM; without it the copy is halted. */
  readonly preservePowerState?: boolean
}

/**
 * A VM, snapshot or template with its disks as an XVA stream. The generator throws at its end when the host's task failed: what came until
 * then is not a whole VM. Leaving it early cancels the export.
 */
export function exportVm(xapi: Xapi, vm: Ref<'VM'>, options: ExportVmOptions = {}): AsyncGenerator<Uint8Array, void> {
  const { compression = 'none', preservePowerState = false, signal, onProgress } = options
  const query = {
    ref: vm,
    use_compression: compression === 'none' ? undefined : compression,
    preserve_power_state: preservePowerState || undefined,
  }
  return download(xapi, { path: '/export/', query, label: 'Export of a VM', signal, onProgress })
}

export interface ImportVmOptions extends TransferOptions {
  /** Where the disks go; the pool's default storage when left out. */
  readonly sr?: Ref<'SR'>
  /** Length of the stream in bytes, if known. */
  readonly length?: number
  /** Keeps UUIDs and MAC addresses, for putting a VM back; otherwise it is a new VM. */
  readonly restore?: boolean
  /** Goes on over checksum errors. */
  readonly force?: boolean
}

/** Imports an XVA stream (plain, gzip or zstd) and resolves with the VMs in it. */
export async function importVm(
  xapi: Xapi,
  xva: ByteStream,
  options: ImportVmOptions = {},
): Promise<readonly Ref<'VM'>[]> {
  const { sr, length, restore = false, force = false, signal, onProgress } = options
  const query = { sr_id: sr, restore: restore || undefined, force: force || undefined }
  const request = {
    path: '/import/',
    query,
    body: xva,
    length,
    resultType: 'set(ref:VM)',
    label: 'Import of a VM',
    signal,
    onProgress,
  }
  // The type of the task's result.
  return (await upload(xapi, request)) as readonly Ref<'VM'>[]
}
