import { protectErrors } from '@nixen/api'
import { decodeRaw, largestVhd, vhd, type DiskSource, type DiskStream, type Extent } from '@nixen/disk'
import { exportVdi, type Ref } from '@nixen/xapi'
import { SequentialDisk } from '../../protect/sequential-disk.ts'
import type { ProtectContext, Stoppable } from './context.ts'

/** What to export. */
export interface ExportedDisk {
  readonly vdi: Ref<'VDI'>
  /** For messages. */
  readonly name: string
  readonly size: number
}

/** The whole disk as a stream: as VHD, which tells at its start where there is data, or raw where it is too large for that. */
export async function exportWhole(
  { xapi }: ProtectContext,
  { vdi, name, size }: ExportedDisk,
  options: Stoppable = {},
): Promise<SequentialDisk> {
  const open = async (signal: AbortSignal): Promise<DiskStream> =>
    size > largestVhd
      ? decodeRaw(exportVdi(xapi, vdi, { format: 'raw', signal }), { size, name })
      : await decode(exportVdi(xapi, vdi, { format: 'vhd', signal }), { name, size })
  return await SequentialDisk.open({ open }, options)
}

/** What differs from another disk as a stream; the rest of the blocks that are touched comes from `before`. */
export async function exportDifference(
  { xapi }: ProtectContext,
  { vdi, name, size, base, before }: ExportedDisk & { base: Ref<'VDI'>; before: DiskSource },
  options: Stoppable = {},
): Promise<SequentialDisk> {
  const open = async (signal: AbortSignal): Promise<DiskStream> =>
    await decode(exportVdi(xapi, vdi, { format: 'vhd', base, signal }), { name, size })
  return await SequentialDisk.open({ open, fill: (offset, into, io) => before.read(offset, into, io) }, options)
}

/** Where a disk has data, or differs from `base`: the front of an export, which is stopped then. Blocks of 2 MiB. */
export async function exportedRanges(
  { xapi }: ProtectContext,
  { vdi, name, size, base }: ExportedDisk & { base?: Ref<'VDI'> | undefined },
  { signal }: Stoppable = {},
): Promise<readonly Extent[]> {
  const stop = new AbortController()
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const bytes = exportVdi(xapi, vdi, { format: 'vhd', signal: both, ...(base === undefined ? {} : { base }) })
  const stream = await decode(bytes, { name, size })
  stop.abort(new Error('only the front of the export was wanted'))
  // It ends with that error, which is no news.
  await Promise.resolve(stream[Symbol.asyncDispose]()).catch(() => undefined)
  return dataIn(stream.ranges)
}

/** The ranges of a stream as extents. */
export function dataIn(ranges: DiskStream['ranges'] = []): Extent[] {
  return ranges.map(({ offset, length }) => ({ offset, length, kind: 'data' }))
}

async function decode(
  bytes: AsyncGenerator<Uint8Array>,
  { name, size }: { name: string; size: number },
): Promise<DiskStream> {
  try {
    const stream = await vhd.decode?.(bytes, { name: `The export of ${name}` })
    if (!stream) throw new TypeError('VHD can be decoded')
    if (stream.size === size && stream.order === 'ascending') return stream
    await stream[Symbol.asyncDispose]()
    if (stream.size !== size) throw protectErrors.source_changed({ disk: name, before: size, now: stream.size })
    throw new TypeError('hosts export the blocks of a disk in their order')
  } catch (error) {
    await bytes.return(undefined).catch(() => undefined)
    throw error
  }
}
