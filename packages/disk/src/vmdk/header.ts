import { safeInteger, viewOf } from '@nixen/core'
import { diskErrors } from '../errors.ts'

/** VMDK counts in sectors of this many bytes. */
export const sector = 512
/** `KDMV` in the order of the file. */
const magic = 0x564d444b
/** Largest grain directory that is kept, in bytes; enough for 128 TiB with grains of 64 KiB. */
const maxDirectory = 16 * 1024 * 1024

const flag = { zeroGrains: 1 << 2, compressed: 1 << 16, markers: 1 << 17 } as const

/** The header of a sparse extent (VMware Virtual Disk Format 5.0, "Hosted Sparse Extent Header"). In bytes unless they say otherwise. */
export interface SparseHeader {
  /** Virtual size. */
  readonly capacity: number
  readonly grainSize: number
  readonly entriesPerTable: number
  readonly tables: number
  readonly descriptorOffset: number
  readonly descriptorSize: number
  /** `undefined` when the footer at the end of a stream says it. */
  readonly directoryOffset: number | undefined
  /** Where grains begin. */
  readonly overhead: number
  /** Whether the table entry 1 stands for zeros. */
  readonly zeroGrains: boolean
  readonly compressed: boolean
}

/** Whether bytes start with the header of a sparse extent. */
export function isSparseHeader(bytes: Uint8Array): boolean {
  return bytes.length >= sector && viewOf(bytes).getUint32(0, true) === magic
}

/** Parses a header. Errors: `disk.corrupt`, `disk.unsupported`, `disk.too_large`. */
export function parseSparseHeader(bytes: Uint8Array, path: string): SparseHeader {
  if (!isSparseHeader(bytes)) throw diskErrors.corrupt({ path, what: 'a header of a sparse extent is missing' })
  const view = viewOf(bytes)
  const version = view.getUint32(4, true)
  if (version < 1 || version > 3) throw diskErrors.unsupported({ path, feature: `version ${version} of VMDK` })
  const flags = view.getUint32(8, true)
  const sectors = (offset: number, what: string): number => {
    const value = safeInteger(view.getBigUint64(offset, true))
    if (value === undefined || !Number.isSafeInteger(value * sector)) {
      throw diskErrors.corrupt({ path, what: `${what} is beyond every file` })
    }
    return value * sector
  }
  const grainSize = sectors(20, 'its grain size')
  const entriesPerTable = view.getUint32(44, true)
  if (grainSize < 4096 || grainSize > 1024 * 1024 || (grainSize & (grainSize - 1)) !== 0) {
    throw diskErrors.corrupt({ path, what: `a grain size of ${grainSize} bytes makes no sense` })
  }
  if (entriesPerTable < 1 || entriesPerTable > 4096) {
    throw diskErrors.corrupt({ path, what: `${entriesPerTable} entries in a grain table make no sense` })
  }
  const capacity = sectors(12, 'its capacity')
  const tables = Math.ceil(capacity / (grainSize * entriesPerTable))
  if (tables * 4 > maxDirectory) {
    const limit = (maxDirectory / 4) * grainSize * entriesPerTable
    throw diskErrors.too_large({ path, what: 'its capacity', size: capacity, limit })
  }
  return {
    capacity,
    grainSize,
    entriesPerTable,
    tables,
    ...compression(view, flags, path),
    descriptorOffset: sectors(28, 'its descriptor'),
    descriptorSize: sectors(36, 'its descriptor'),
    directoryOffset: view.getBigUint64(56, true) === 2n ** 64n - 1n ? undefined : sectors(56, 'its grain directory'),
    overhead: sectors(64, 'its overhead'),
    zeroGrains: (flags & flag.zeroGrains) !== 0,
  }
}

function compression(view: DataView, flags: number, path: string): { compressed: boolean } {
  if ((flags & flag.compressed) === 0) return { compressed: false }
  const algorithm = view.getUint16(77, true)
  if (algorithm !== 1) throw diskErrors.unsupported({ path, feature: `compression ${algorithm}` })
  if ((flags & flag.markers) === 0) throw diskErrors.unsupported({ path, feature: 'compressed grains without markers' })
  return { compressed: true }
}

/** The header, and with a directory the footer, of a stream-optimized extent. Offsets in bytes. */
export function encodeStreamHeader(fields: {
  readonly capacity: number
  readonly grainSize: number
  readonly entriesPerTable: number
  readonly descriptorSize: number
  readonly overhead: number
  readonly directoryOffset: number | undefined
}): Uint8Array {
  const bytes = new Uint8Array(sector)
  const view = viewOf(bytes)
  const sectors = (offset: number, value: number): void => view.setBigUint64(offset, BigInt(value / sector), true)
  view.setUint32(0, magic, true)
  view.setUint32(4, 3, true)
  // Bit 0 says that the four line ends below are there to test for damage by text conversion.
  view.setUint32(8, 1 | flag.compressed | flag.markers, true)
  sectors(12, fields.capacity)
  sectors(20, fields.grainSize)
  sectors(28, sector)
  sectors(36, fields.descriptorSize)
  view.setUint32(44, fields.entriesPerTable, true)
  if (fields.directoryOffset === undefined) view.setBigUint64(56, 2n ** 64n - 1n, true)
  else sectors(56, fields.directoryOffset)
  sectors(64, fields.overhead)
  bytes.set([0x0a, 0x20, 0x0d, 0x0a], 73)
  view.setUint16(77, 1, true)
  return bytes
}

/** Kinds of markers that are no grains. */
export const marker = { endOfStream: 0, grainTable: 1, grainDirectory: 2, footer: 3 } as const

/** Bytes before the data of a compressed grain: its first sector on the disk, and how long it is. */
export const grainMarkerLength = 12

/** A marker in a sector of its own; `sectors` follow it. */
export function encodeMarker(type: number, sectors: number): Uint8Array {
  const bytes = new Uint8Array(sector)
  const view = viewOf(bytes)
  view.setBigUint64(0, BigInt(sectors), true)
  view.setUint32(12, type, true)
  return bytes
}
