import type { ByteStream } from '@nixen/core'
import { xapiErrors } from '../errors.ts'
import type { Xapi } from '../session/xapi.ts'
import type { Ref } from '../values/ref.ts'
import { download } from './download.ts'
import type { TransferOptions } from './transfer-task.ts'
import { upload } from './upload.ts'

/** Form of a disk on the wire. `qcow2` needs a host of 2026. */
export type VdiFormat = 'raw' | 'vhd' | 'qcow2'

export interface ExportVdiOptions extends TransferOptions {
  readonly format: VdiFormat
  /** Only what differs from this VDI; not for `raw`, which hosts then send whole. */
  readonly base?: Ref<'VDI'>
  /** Address of a host that sees the storage; the host asked redirects by itself. */
  readonly host?: string
}

/**
 * The content of a VDI. The generator throws at its end when the host's task failed; leaving it early cancels the export.
 *
 * @throws XapiError `VDI_TOO_LARGE` for VHD beyond 2040 GiB, `VDI_INCOMPATIBLE_TYPE`; xapi.bad_value for `raw` with a base
 */
export function exportVdi(xapi: Xapi, vdi: Ref<'VDI'>, options: ExportVdiOptions): AsyncGenerator<Uint8Array, void> {
  const { format, base, host, signal, onProgress } = options
  if (base !== undefined && format === 'raw') {
    throw xapiErrors.bad_value({ expected: 'vhd or qcow2', got: 'raw', at: 'the format of an export against a base' })
  }
  return download(xapi, {
    path: '/export_raw_vdi/', query: { vdi, format, base }, host, label: 'Export of a disk', signal, onProgress,
  }) // prettier-ignore
}

export interface ImportVdiOptions extends TransferOptions {
  readonly format: VdiFormat
  /** Length of the stream in bytes. For `raw` give it: without it the host takes the end of the connection for a fault, and says so. */
  readonly length?: number | undefined
  readonly host?: string
  /** The body is `raw` in chunks that say where they belong (vhd-tool, chunked.ml), and tells its own end. */
  readonly chunked?: boolean | undefined
}

/** Overwrites the content of a VDI with a stream. The VDI has the size of the disk in the stream, or a larger one. */
export async function importVdi(
  xapi: Xapi,
  vdi: Ref<'VDI'>,
  body: ByteStream,
  options: ImportVdiOptions,
): Promise<void> {
  const { format, length, host, chunked = false, signal, onProgress } = options
  await upload(xapi, {
    path: '/import_raw_vdi/', query: { vdi, format, chunked: chunked || undefined }, host, body, length, tellsEnd: chunked, resultType: 'any', label: 'Import of a disk', signal, onProgress,
  }) // prettier-ignore
}
