import { createCipheriv } from 'node:crypto'
import { MiB, seededRandom } from '@nixen/core'
import { createDisk } from '@nixen/disk'

/** Virtual size of the demonstration's disks, in bytes. */
export const imageSize: number = 256 * MiB

/** A range of bytes to be written into a disk. */
export interface Patch {
  readonly offset: number
  readonly bytes: Buffer
}

/** What a disk holds in one range. */
interface Region {
  readonly offset: number
  readonly length: number
  /** binary: does not compress, as programs and pictures; log: lines of text. */
  readonly kind: 'binary' | 'log'
  readonly seed: number
}

/** Where the guests' own data lies. */
export const dataOffset: number = 64 * MiB
/** How much of it there is. */
export const dataLength: number = 12 * MiB
/** Where the guests' logs begin. */
export const logOffset: number = 160 * MiB
const logLength = 5 * MiB

/** Written at a time, in bytes. */
const step = MiB

/**
 * Writes a disk as a small server has it: a partition table, an operating system that is the same on all of them, data and logs of its
 * own, and much that was never written. The same number makes the same disk.
 */
export async function writeImage(path: string, number: number, signal: AbortSignal): Promise<number> {
  await using sink = await createDisk(path, { size: imageSize, format: 'raw' })
  await sink.write(0, partitionTable())
  let written = 512
  for (const { offset, length, kind, seed } of regionsOf(number)) {
    for (let at = 0; at < length; at += step) {
      signal.throwIfAborted()
      await sink.write(offset + at, content(kind, seed * 1000 + at / step, Math.min(step, length - at)))
    }
    written += length
  }
  await sink.finish()
  return written
}

/** An operating system takes 12 MiB here; its seed is the same for all, so that repositories store it once. */
function regionsOf(number: number): readonly Region[] {
  const own = number + 10
  return [
    { offset: MiB, length: 8 * MiB, kind: 'binary', seed: 1 },
    { offset: 20 * MiB, length: 4 * MiB, kind: 'log', seed: 2 },
    { offset: dataOffset, length: dataLength, kind: 'binary', seed: own },
    { offset: logOffset, length: logLength, kind: 'log', seed: own * 2 },
  ]
}

/** Repeatable bytes of a kind. */
export function content(kind: Region['kind'], seed: number, length: number): Buffer {
  return kind === 'log' ? logLines(seed, length) : noise(seed, length)
}

/** The key stream of a cipher: nothing in it repeats, so nothing compresses. */
function noise(seed: number, length: number): Buffer {
  const key = Buffer.alloc(16)
  key.writeUInt32LE(seed)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}

const paths = ['/', '/login', '/orders', '/orders/latest', '/products', '/static/site.css', '/health', '/search']
/** 2026-01-01, in milliseconds. */
const firstLine = 1_767_225_600_000

function logLines(seed: number, length: number): Buffer {
  const random = seededRandom(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const lines: string[] = []
  let time = firstLine + seed * 60_000
  for (let size = 0; size < length;) {
    time += below(2000)
    const address = `10.20.${below(4)}.${below(250)}`
    const line = `${new Date(time).toISOString()} ${address} GET ${paths[below(paths.length)] ?? '/'} 200 ${below(90_000)}\n`
    lines.push(line)
    size += line.length
  }
  return Buffer.from(lines.join('')).subarray(0, length)
}

/** A master boot record with one partition of Linux from 1 MiB to the end. */
function partitionTable(): Buffer {
  const sector = Buffer.alloc(512)
  const first = MiB / 512
  sector.set([0x80, 0xfe, 0xff, 0xff, 0x83, 0xfe, 0xff, 0xff], 446)
  sector.writeUInt32LE(first, 454)
  sector.writeUInt32LE(imageSize / 512 - first, 458)
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}
