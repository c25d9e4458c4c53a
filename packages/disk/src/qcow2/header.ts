import { safeInteger, viewOf } from '@nixen/core'
import { diskErrors } from '../errors.ts'
import type { DiskFile } from '../file.ts'

// QEMU's docs/interop/qcow2.txt. All numbers are big endian.

export const magic = 0x5146_49fb
/** Bytes of the header that are written, with the compression type and padded to eight. */
export const headerLength = 112

/** Bits of "incompatible features": a reader must know them all. */
export const incompatible = { dirty: 1n, corrupt: 2n, externalData: 4n, compressionType: 8n, extendedL2: 16n } as const
const knownIncompatible = 31n

const extension = { end: 0, backingFormat: 0xe279_2aca } as const

export type Qcow2Compression = 'zlib' | 'zstd'

/** What the header says. Offsets and sizes in bytes. */
export interface Qcow2Header {
  readonly version: 2 | 3
  readonly size: number
  readonly clusterBits: number
  readonly clusterSize: number
  /** Entries of the first table. */
  readonly l1Size: number
  readonly l1Offset: number
  readonly refcountTableOffset: number
  readonly refcountTableClusters: number
  /** Bits of one reference count. */
  readonly refcountBits: number
  readonly snapshots: number
  readonly compression: Qcow2Compression
  /** Reference counts may be wrong; data is not affected. */
  readonly dirty: boolean
  readonly backing: { readonly name: string; readonly format: string | undefined } | undefined
}

// QEMU's own limit on the first table.
const largestL1 = 32 * 1024 * 1024
/** Largest header with its extensions and the name of the backing file. */
const largestHead = 65_536

/** Reads the header of a file. */
export async function readHeader(file: DiskFile): Promise<Qcow2Header> {
  const head = new Uint8Array(Math.min(await file.size(), largestHead))
  await file.read(0, head)
  return decodeHeader(head, file.path)
}

/** Reads a header; `head` holds it, its extensions and the name of the backing file. */
export function decodeHeader(head: Uint8Array, path: string): Qcow2Header {
  const view = viewOf(head)
  const corrupt = (what: string, offset: number): Error => diskErrors.corrupt({ path, what, offset })
  if (head.length < 72) throw diskErrors.truncated({ path, expected: 104, received: head.length })
  if (view.getUint32(0) !== magic) throw corrupt('there is no qcow2 header', 0)
  const version = view.getUint32(4)
  if (version !== 2 && version !== 3) throw diskErrors.unsupported({ path, feature: `version ${version} of qcow2` })
  if (version === 3 && head.length < 104) throw diskErrors.truncated({ path, expected: 104, received: head.length })
  const features = version === 3 ? view.getBigUint64(72) : 0n
  checkFeatures(features, view.getUint32(32), path)
  const clusterBits = view.getUint32(20)
  if (clusterBits < 9 || clusterBits > 21) throw corrupt(`clusters of 2^${clusterBits} bytes are not possible`, 20)
  const clusterSize = 2 ** clusterBits
  const offsetAt = (at: number, what: string): number => {
    const value = safeInteger(view.getBigUint64(at))
    if (value === undefined || value % clusterSize !== 0) throw corrupt(`${what} is not where a cluster begins`, at)
    return value
  }
  const size = safeInteger(view.getBigUint64(24))
  if (size === undefined) {
    throw diskErrors.too_large({ path, what: 'the disk', size: view.getBigUint64(24), limit: Number.MAX_SAFE_INTEGER })
  }
  const l1Size = view.getUint32(36)
  const l1Needed = Math.ceil(size / (clusterSize * (clusterSize / 8)))
  if (l1Size * 8 > largestL1)
    throw diskErrors.too_large({ path, what: 'the first table', size: l1Size * 8, limit: largestL1 })
  if (l1Size < l1Needed) throw corrupt(`the first table has ${l1Size} entries and the disk needs ${l1Needed}`, 36)
  const refcountOrder = version === 3 ? view.getUint32(96) : 4
  if (refcountOrder > 6) throw corrupt(`reference counts of 2^${refcountOrder} bits are not possible`, 96)
  return {
    version,
    size,
    clusterBits,
    clusterSize,
    l1Size,
    l1Offset: l1Size === 0 ? 0 : offsetAt(40, 'the first table'),
    refcountTableOffset: offsetAt(48, 'the table of reference counts'),
    refcountTableClusters: view.getUint32(56),
    refcountBits: 2 ** refcountOrder,
    snapshots: view.getUint32(60),
    compression: decodeCompression(head, features, path),
    dirty: (features & incompatible.dirty) !== 0n,
    backing: decodeBacking(head, version, path),
  }
}

function checkFeatures(features: bigint, encryption: number, path: string): void {
  const refuse = (feature: string): Error => diskErrors.unsupported({ path, feature })
  if (features & incompatible.corrupt) {
    throw diskErrors.corrupt({
      path,
      what: 'it is marked as corrupt; repair a copy with "qemu-img check -r all"',
      offset: 72,
    })
  }
  if (features & incompatible.externalData) throw refuse('an external data file')
  if (features & incompatible.extendedL2) throw refuse('extended L2 entries (subclusters)')
  if (features & ~knownIncompatible)
    throw refuse(`unknown features (0x${(features & ~knownIncompatible).toString(16)})`)
  if (encryption !== 0) throw refuse('encryption')
}

function decodeCompression(head: Uint8Array, features: bigint, path: string): Qcow2Compression {
  if (!(features & incompatible.compressionType)) return 'zlib'
  const type = viewOf(head).getUint32(100) > 104 ? head[104] : 0
  if (type === 0) return 'zlib'
  if (type === 1) return 'zstd'
  throw diskErrors.unsupported({ path, feature: `compression method ${type}` })
}

function decodeBacking(head: Uint8Array, version: number, path: string): Qcow2Header['backing'] {
  const view = viewOf(head)
  const offset = view.getBigUint64(8)
  const length = view.getUint32(16)
  if (offset === 0n || length === 0) return undefined
  if (length > 1023 || offset + BigInt(length) > BigInt(head.length)) {
    throw diskErrors.corrupt({ path, what: 'the name of the backing file is outside of the header', offset: 8 })
  }
  const start = Number(offset)
  const name = Buffer.from(head.subarray(start, start + length)).toString('utf8')
  return { name, format: findBackingFormat(head, version === 2 ? 72 : view.getUint32(100)) }
}

/** Header extensions: type, length, data padded to eight bytes. */
function findBackingFormat(head: Uint8Array, from: number): string | undefined {
  const view = viewOf(head)
  for (let at = from; at + 8 <= head.length;) {
    const type = view.getUint32(at)
    const length = view.getUint32(at + 4)
    if (type === extension.end || at + 8 + length > head.length) return undefined
    if (type === extension.backingFormat) return Buffer.from(head.subarray(at + 8, at + 8 + length)).toString('utf8')
    at += 8 + Math.ceil(length / 8) * 8
  }
  return undefined
}

/** What a new image's header says. */
export interface NewHeader {
  readonly size: number
  readonly clusterBits: number
  readonly l1Size: number
  readonly l1Offset: number
  readonly refcountTableOffset: number
  readonly refcountTableClusters: number
  readonly compression: Qcow2Compression
}

/** Encodes a version 3 header without extensions; reference counts have 16 bits. */
export function encodeHeader(header: NewHeader): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerLength + 8)
  const view = viewOf(bytes)
  view.setUint32(0, magic)
  view.setUint32(4, 3)
  view.setUint32(20, header.clusterBits)
  view.setBigUint64(24, BigInt(header.size))
  view.setUint32(36, header.l1Size)
  view.setBigUint64(40, BigInt(header.l1Offset))
  view.setBigUint64(48, BigInt(header.refcountTableOffset))
  view.setUint32(56, header.refcountTableClusters)
  if (header.compression === 'zstd') view.setBigUint64(72, incompatible.compressionType)
  view.setUint32(96, 4)
  view.setUint32(100, headerLength)
  view.setUint8(104, header.compression === 'zstd' ? 1 : 0)
  return bytes
}
