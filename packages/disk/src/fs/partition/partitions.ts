import { uuidOf } from '../ext/superblock.ts'
import type { Device } from '../device.ts'

/** A part of a disk. Bytes. */
export interface Partition {
  /** As Linux numbers them. */
  readonly number: number
  readonly start: number
  readonly size: number
  /** The type as it stands there: a GUID, or two hexadecimal digits. */
  readonly type: string
  readonly name: string
}

export type PartitionTable =
  | { readonly kind: 'gpt' | 'mbr'; readonly partitions: readonly Partition[] }
  /** The whole disk is one volume. */
  | { readonly kind: 'none' }

const sector = 512
const extended = new Set([0x05, 0x0f, 0x85])
const protective = 0xee
/** Logical partitions of a chain that are followed. */
const mostLogical = 128

/** The partitions of a disk: GPT (also by its copy at the end), MBR with logical partitions. What makes no sense is left out. */
export async function readPartitions(device: Device): Promise<PartitionTable> {
  if (device.size < 2 * sector) return { kind: 'none' }
  const first = await device.read(0, sector)
  if (first.readUInt16LE(510) !== 0xaa55) return (await readGpt(device)) ?? { kind: 'none' }
  const entries = [0, 1, 2, 3].map((index) => entryOf(first, index))
  if (entries.some(({ type }) => type === protective)) {
    const gpt = await readGpt(device)
    if (gpt) return gpt
  }
  // The boot sector of a file system ends with the same mark, and has code where entries would be.
  const isTable = entries.every(
    ({ status, type, count }) => (status === 0 || status === 0x80) && (type === 0) === (count === 0),
  )
  if (!isTable || entries.every(({ type }) => type === 0)) return { kind: 'none' }
  return { kind: 'mbr', partitions: await mbrPartitions(device, entries) }
}

interface MbrEntry {
  readonly status: number
  readonly type: number
  readonly start: number
  readonly count: number
}

function entryOf(block: Buffer, index: number): MbrEntry {
  const at = 446 + index * 16
  return {
    status: block[at] ?? 0,
    type: block[at + 4] ?? 0,
    start: block.readUInt32LE(at + 8),
    count: block.readUInt32LE(at + 12),
  }
}

async function mbrPartitions(device: Device, entries: readonly MbrEntry[]): Promise<Partition[]> {
  const found: Partition[] = []
  const add = (number: number, { type, start, count }: MbrEntry, base: number): void => {
    const partition = { number, start: (base + start) * sector, size: count * sector, type: hex(type), name: '' }
    if (count > 0 && partition.start > 0 && partition.start < device.size) found.push(partition)
  }
  for (const [index, entry] of entries.entries()) {
    if (entry.type !== 0 && !extended.has(entry.type)) add(index + 1, entry, 0)
  }
  const outer = entries.find(({ type }) => extended.has(type))
  if (!outer) return found
  let at = outer.start
  for (let count = 0; count < mostLogical && (at + 1) * sector <= device.size; count++) {
    const block = await device.read(at * sector, sector)
    if (block.readUInt16LE(510) !== 0xaa55) break
    const logical = entryOf(block, 0)
    if (logical.type !== 0) add(5 + count, logical, at)
    const next = entryOf(block, 1)
    // The chain only goes on; a disk that says otherwise has a loop.
    if (!extended.has(next.type) || outer.start + next.start <= at) break
    at = outer.start + next.start
  }
  return found
}

async function readGpt(device: Device): Promise<PartitionTable | undefined> {
  const places = [sector, 4096, device.size - sector, device.size - 4096]
  for (const place of places) {
    if (place < sector || place + sector > device.size) continue
    const header = await device.read(place, sector)
    if (header.toString('latin1', 0, 8) !== 'EFI PART') continue
    const partitions = await gptEntries(
      device,
      header,
      place % 4096 === 0 && place !== device.size - sector ? 4096 : sector,
    )
    if (partitions) return { kind: 'gpt', partitions }
  }
  return undefined
}

/** UEFI specification 2.10, 5.3. */
async function gptEntries(device: Device, header: Buffer, unit: number): Promise<Partition[] | undefined> {
  const start = Number(header.readBigUInt64LE(72)) * unit
  const count = Math.min(header.readUInt32LE(80), 1024)
  const size = header.readUInt32LE(84)
  if (size < 128 || size > 4096 || start + count * size > device.size) return undefined
  const bytes = await device.read(start, count * size)
  const partitions: Partition[] = []
  for (let index = 0; index < count; index++) {
    const entry = bytes.subarray(index * size, index * size + 128)
    const type = guidOf(entry.subarray(0, 16))
    const first = Number(entry.readBigUInt64LE(32)) * unit
    const end = (Number(entry.readBigUInt64LE(40)) + 1) * unit
    if (/^[0-]*$/.test(type) || first >= device.size || end <= first) continue
    const name = entry.toString('utf16le', 56, 128).replace(/\0.*$/s, '')
    partitions.push({ number: index + 1, start: first, size: end - first, type, name })
  }
  return partitions
}

function guidOf(bytes: Buffer): string {
  const [a, b, c] = [0, 4, 6].map((at, index) => Buffer.from(bytes.subarray(at, at + (index === 0 ? 4 : 2))).reverse())
  return uuidOf(Buffer.concat([a ?? bytes, b ?? bytes, c ?? bytes, bytes.subarray(8)]))
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0')
}
