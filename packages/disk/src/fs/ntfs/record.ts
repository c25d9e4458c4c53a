import { fileErrors } from '../errors.ts'
import type { Device } from '../device.ts'
import { bounds } from '../model.ts'
import type { Run } from '../runs.ts'

/** Numbers of attribute types ("NTFS Documentation", Linux-NTFS project). */
export const types = {
  standard: 0x10,
  list: 0x20,
  name: 0x30,
  data: 0x80,
  indexRoot: 0x90,
  indexAllocation: 0xa0,
  bitmap: 0xb0,
  reparse: 0xc0,
  volumeName: 0x60,
} as const

/** An attribute of a record: its value, or where its runs are. */
export interface Attribute {
  readonly type: number
  readonly name: string
  readonly flags: number
  /** The value of a resident one. */
  readonly value?: Buffer | undefined
  readonly firstCluster: number
  /** Encoded runs of one that is not resident. */
  readonly runs?: Buffer | undefined
  /** Bytes; of a piece after the first, nothing. */
  readonly size: number
  /** Bytes that were ever written; the rest reads as zeros. */
  readonly initialized: number
  /** Clusters that are compressed together, as a power of two; 0 when none are. */
  readonly unit: number
}

/** Sectors end with a number that is kept elsewhere, so that a torn write is seen. Puts the real bytes back. @throws file.damaged */
export function fixUp(where: string, raw: Buffer, mark: string): Buffer {
  const broken = (): Error => fileErrors.damaged({ where, what: `a record of type ${mark} is torn or not there` })
  if (raw.toString('latin1', 0, 4) !== mark) throw broken()
  const record = Buffer.from(raw)
  const [at, count] = [raw.readUInt16LE(4), raw.readUInt16LE(6)]
  if (count < 1 || at + count * 2 > raw.length || (count - 1) * 512 > raw.length) throw broken()
  const stamp = raw.readUInt16LE(at)
  for (let sector = 1; sector < count; sector++) {
    if (raw.readUInt16LE(sector * 512 - 2) !== stamp) throw broken()
    record.writeUInt16LE(raw.readUInt16LE(at + sector * 2), sector * 512 - 2)
  }
  return record
}

/** Attributes of a record, in their order. @throws file.damaged */
export function* attributesOf(where: string, record: Buffer): Generator<Attribute> {
  const broken = (): Error => fileErrors.damaged({ where, what: 'a record has an attribute that does not fit' })
  const end = Math.min(record.length, record.readUInt32LE(24))
  for (let at = record.readUInt16LE(20); at + 4 <= end;) {
    const type = record.readUInt32LE(at)
    if (type === 0xffff_ffff) return
    if (at + 24 > end) throw broken()
    const length = record.readUInt32LE(at + 4)
    if (length < 24 || length % 8 !== 0 || at + length > end) throw broken()
    yield attribute(record.subarray(at, at + length), broken)
    at += length
  }
}

function attribute(bytes: Buffer, broken: () => Error): Attribute {
  const nameAt = bytes.readUInt16LE(10)
  const nameEnd = nameAt + (bytes[9] ?? 0) * 2
  if (nameEnd > bytes.length) throw broken()
  const common = {
    type: bytes.readUInt32LE(0),
    name: bytes.toString('utf16le', nameAt, nameEnd),
    flags: bytes.readUInt16LE(12),
  }
  if (bytes[8] === 0) {
    const from = bytes.readUInt16LE(20)
    const size = bytes.readUInt32LE(16)
    if (from + size > bytes.length) throw broken()
    return { ...common, value: bytes.subarray(from, from + size), firstCluster: 0, size, initialized: size, unit: 0 }
  }
  if (bytes.length < 64) throw broken()
  const firstCluster = Number(bytes.readBigUInt64LE(16))
  const size = Number(bytes.readBigUInt64LE(48))
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(firstCluster)) throw broken()
  return {
    ...common,
    firstCluster,
    runs: bytes.subarray(bytes.readUInt16LE(32)),
    size: firstCluster === 0 ? size : 0,
    initialized: firstCluster === 0 ? Number(bytes.readBigUInt64LE(56)) : 0,
    unit: bytes.readUInt16LE(34),
  }
}

/** Runs of one attribute: pairs of a length and a distance, each of as many bytes as the byte before them says. @throws file.damaged */
export function* decodeRuns(
  where: string,
  { runs, firstCluster }: Pick<Attribute, 'runs' | 'firstCluster'>,
  clusterSize: number,
): Generator<Run> {
  if (!runs) return
  const broken = (): Error => fileErrors.damaged({ where, what: 'the runs of a file do not fit' })
  let cluster = firstCluster
  let place = 0
  let count = 0
  for (let at = 0; at < runs.length && runs[at] !== 0;) {
    const head = runs[at] ?? 0
    const [lengthBytes, distanceBytes] = [head & 0xf, head >> 4]
    if (lengthBytes < 1 || lengthBytes > 6 || distanceBytes > 6 || ++count > bounds.extents) throw broken()
    const next = at + 1 + lengthBytes + distanceBytes
    if (next > runs.length) throw broken()
    const length = runs.readUIntLE(at + 1, lengthBytes)
    if (distanceBytes > 0) place += runs.readIntLE(at + 1 + lengthBytes, distanceBytes)
    if (length === 0 || place < 0) throw broken()
    const start = distanceBytes === 0 ? undefined : place * clusterSize
    yield { offset: cluster * clusterSize, length: length * clusterSize, start }
    cluster += length
    at = next
  }
}

/** What is read where. */
export interface NtfsSpace {
  readonly device: Device
  readonly clusterSize: number
  readonly recordSize: number
  readonly indexSize: number
}
