import { isAppError, seededRandom, type Random } from '@nixen/core'
import { cpuTimeOf } from '@nixen/testkit/cpu-time'
import { describe, expect, test } from 'vitest'
import {
  convert,
  diskFormats,
  MemoryFile,
  MemoryFolder,
  openImage,
  type DiskFormat,
  type DiskImage,
} from '../src/index.ts'
import { checksumOf } from '../src/vhd/footer.ts'
import { inParts, memoryDisk, sparseBytes } from './images.ts'

const MiB = 1024 * 1024
const long = process.env['NIXEN_LONG_TESTS'] === '1'
const seed = Number(process.env['NIXEN_SEED'] ?? 1)
const rounds = long ? 5000 : 250
/** What one damaged file may cost: milliseconds of CPU time, and bytes of memory at the end of its use. */
const limits = { cpuTime: 1000, memory: 64 * MiB }

/** Numbers that parsers trip over. */
const edges = [
  0n,
  1n,
  511n,
  512n,
  0x7fff_ffffn,
  0xffff_ffffn,
  0x1_0000_0000n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 512n,
  2n ** 64n - 1n,
]

async function sample(format: DiskFormat): Promise<Uint8Array> {
  const file = new MemoryFile('sample')
  const content = sparseBytes(3 * MiB, 2)
  await using sink = await format.create?.(file, { size: content.length })
  if (sink) await convert(memoryDisk(content), sink)
  return file.bytes()
}

/** Makes the checksums of a VHD right again, so that what lies behind them is reached. */
function repairVhd(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer)
  for (const [start, length, at] of [
    [0, 512, 64],
    [512, 1024, 36],
    [bytes.length - 512, 512, 64],
  ] as const) {
    if (start < 0 || start + length > bytes.length) continue
    view.setUint32(start + at, checksumOf(bytes.subarray(start, start + length), at))
  }
}

/** Changes a few places, most of them near the start or the end, where headers and tables are. */
function mutate(original: Uint8Array, random: Random): Uint8Array {
  let bytes = original.slice()
  const view = new DataView(bytes.buffer)
  const place = (): number => {
    const where = random()
    if (where < 0.6) return Math.floor(random() * Math.min(4096, bytes.length - 8))
    if (where < 0.8) return bytes.length - 8 - Math.floor(random() * Math.min(1024, bytes.length - 8))
    return Math.floor(random() * (bytes.length - 8))
  }
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
    const edge = edges[Math.floor(random() * edges.length)] ?? 0n
    const at = random() < 0.7 ? place() & ~3 : place()
    const kind = random()
    if (kind < 0.3) view.setBigUint64(at, edge, random() < 0.5)
    else if (kind < 0.6) view.setUint32(at, Number(edge & 0xffff_ffffn), random() < 0.5)
    else if (kind < 0.9) view.setUint8(at, random() * 256)
    else bytes.copyWithin(at, place(), place())
  }
  if (random() < 0.1) bytes = bytes.slice(0, Math.floor(random() * bytes.length))
  if (Buffer.from(bytes.subarray(1, 8)).toString() === 'onectix' && random() < 0.8) repairVhd(bytes)
  return bytes
}

async function use(image: DiskImage): Promise<void> {
  let count = 0
  for await (const { offset, length } of image.extents()) {
    expect(offset + length).toBeLessThanOrEqual(image.size)
    if (++count > 1000) break
  }
  const into = new Uint8Array(Math.min(MiB, image.size))
  await image.read(0, into)
  await image.read(image.size - into.length, into)
}

/** What happened: read, or the code of a proper error. Anything else fails the test. */
async function outcome(work: () => Promise<void>): Promise<string> {
  const before = process.memoryUsage().arrayBuffers
  let result = 'read'
  const cpuTime = await cpuTimeOf(() =>
    work().catch((error: unknown) => {
      if (!isAppError(error)) throw error
      result = error.code
    }),
  )
  expect(cpuTime).toBeLessThan(limits.cpuTime)
  // All that was made meanwhile; what the garbage collector has taken already only makes it less.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(limits.memory)
  return result
}

describe.each(diskFormats.filter((format) => format.create && format.name !== 'raw'))('$name', (format) => {
  test(`gives an answer or a clear error for damaged files (seed ${seed})`, { timeout: 600_000 }, async () => {
    const original = await sample(format)
    const random = seededRandom(seed)
    const seen = new Set<string>()
    for (let round = 0; round < rounds; round++) {
      const bytes = mutate(original, random)
      const folder = new MemoryFolder()
      const result = await outcome(async () => {
        await using image = await openImage(folder.add('image', bytes), format, { folder })
        await use(image)
      }).catch((error: unknown) => {
        throw new Error(`round ${round} of seed ${seed}`, { cause: error })
      })
      seen.add(result)
    }
    // The changes did reach what is tested.
    expect(seen.size).toBeGreaterThan(1)
  })

  test(`checks damaged files without failing (seed ${seed})`, { timeout: 600_000 }, async () => {
    const original = await sample(format)
    const random = seededRandom(seed + 1)
    for (let round = 0; round < rounds; round++) {
      const file = new MemoryFile('image', mutate(original, random))
      const result = await outcome(async () => {
        let count = 0
        for await (const _ of format.check?.(file) ?? []) if (++count > 1000) break
      }).catch((error: unknown) => {
        throw new Error(`round ${round} of seed ${seed}`, { cause: error })
      })
      // What is wrong with the image is a finding, not a failure of the check.
      expect(result === 'read' || !/corrupt|unsupported|too_large/.test(result)).toBe(true)
    }
  })

  const { decode } = format
  if (!decode) return
  test(`reads damaged streams or says why not (seed ${seed})`, { timeout: 600_000 }, async () => {
    const original = await sample(format)
    const random = seededRandom(seed + 2)
    const seen = new Set<string>()
    for (let round = 0; round < rounds; round++) {
      const bytes = mutate(original, random)
      const result = await outcome(async () => {
        await using stream = await decode(inParts(bytes))
        for await (const part of stream.parts()) {
          if (part.offset + part.bytes.length > stream.size) throw new Error('a part is outside of the disk')
        }
      }).catch((error: unknown) => {
        throw new Error(`round ${round} of seed ${seed}`, { cause: error })
      })
      seen.add(result)
    }
    expect(seen.size).toBeGreaterThan(1)
  })
})
