import { createCipheriv, createHash } from 'node:crypto'
import { seededRandom, type Random } from '@nixen/core'
import { alignedBuffers, createLocalFile, openLocalFile, type DiskFile } from '@nixen/disk'

/** What a run of blocks holds. */
export type RunKind = 'hole' | 'compressible' | 'random'

/** A range of the image, in bytes. */
export interface Run {
  readonly offset: number
  readonly length: number
  readonly kind: RunKind
}

const block = 65_536
const piece = 64 * block

/** Shares of the image: 40 % holes, 40 % compressible (2.2–2.5 to 1 with zstd -1), 20 % random. */
const shares = { hole: 0.4, compressible: 0.4, random: 0.2 } as const satisfies Record<RunKind, number>

export interface BenchImageOptions {
  /** Bytes; a multiple of 64 KiB. */
  readonly size: number
  readonly seed: number
}

/**
 * Makes the raw sparse image that the benchmarks share, durable at the end: runs of 64 KiB to 32 MiB (log-uniform, on a 64 KiB grid) of the
 * kinds in {@link shares}. The same size and seed give the same bytes everywhere. Takes the memory of one 4 MiB buffer.
 */
export async function makeBenchImage(path: string, { size, seed }: BenchImageOptions): Promise<readonly Run[]> {
  const runs = planRuns(size, seed)
  await using file = await createLocalFile(path, { replace: true })
  await file.truncate(size)
  const [buffer] = alignedBuffers(1, piece)
  if (!buffer) return runs
  const fill = filler(seed)
  for (const run of runs) {
    if (run.kind !== 'hole') await writeRun(file, { buffer, run, fill })
  }
  await file.commit()
  return runs
}

/** The runs of the image without making it. */
export function planRuns(size: number, seed: number): readonly Run[] {
  const random = seededRandom(seed)
  const left = { hole: size * shares.hole, compressible: size * shares.compressible, random: size * shares.random }
  const runs: Run[] = []
  for (let offset = 0; offset < size;) {
    const kind = pick(left, random)
    // Log-uniform from 1 to 512 blocks.
    const wanted = Math.round(2 ** (random() * 9)) * block
    const length = Math.min(wanted, Math.max(block, Math.floor(left[kind] / block) * block), size - offset)
    runs.push({ offset, length, kind })
    left[kind] -= length
    offset += length
  }
  return runs
}

function pick(left: Record<RunKind, number>, random: Random): RunKind {
  const hole = Math.max(0, left.hole)
  const compressible = Math.max(0, left.compressible)
  const at = random() * (hole + compressible + Math.max(0, left.random))
  if (at < hole) return 'hole'
  return at < hole + compressible ? 'compressible' : 'random'
}

export interface ChangedCopyOptions {
  /** The image to copy. */
  readonly from: string
  /** Share of the 64 KiB blocks to change. */
  readonly fraction: number
  readonly seed: number
}

/**
 * Copies an image to `path` and changes a share of its 64 KiB blocks, in clusters of short runs as guests write them (about 1,540 runs for
 * 5 % of 8 GiB). Gives the changed ranges, ascending. A third of what is new is random, the rest compressible.
 */
export async function makeChangedCopy(path: string, options: ChangedCopyOptions): Promise<readonly Run[]> {
  await using source = await openLocalFile(options.from)
  await using file = await createLocalFile(path, { replace: true })
  const size = await source.size()
  await file.truncate(size)
  const [buffer] = alignedBuffers(1, piece)
  if (!buffer) return []
  let at = 0
  for (let data = await source.nextData(at, piece); data; data = await source.nextData(at, piece)) {
    const bytes = buffer.subarray(0, data.length)
    await source.read(data.offset, bytes)
    await file.write(data.offset, bytes)
    at = data.offset + data.length
  }
  const runs = planChanges(size, options)
  const fill = filler(options.seed + 1)
  for (const run of runs) await writeRun(file, { buffer, run, fill })
  await file.commit()
  return runs
}

/** Blocks of one run, on average and before runs meet: 5 % of 8 GiB are 6,554 blocks in about 1,540 runs. */
const blocksPerRun = 3.7
/** Runs lie together in zones of 32 MiB. */
const zoneBlocks = 512
const runsPerZone = 24

/** The ranges that {@link makeChangedCopy} changes. */
export function planChanges(size: number, { fraction, seed }: { fraction: number; seed: number }): readonly Run[] {
  const random = seededRandom(seed ^ 0x5eed)
  const blocks = Math.floor(size / block)
  const wanted = Math.round(blocks * fraction)
  const changed = new Set<number>()
  while (changed.size < wanted) {
    const zone = Math.floor(random() * Math.max(1, blocks - zoneBlocks))
    for (let i = 0; i < runsPerZone && changed.size < wanted; i++) {
      const start = zone + Math.floor(random() * zoneBlocks)
      // Geometric, so that short runs are the most; they grow a little where they touch.
      const length = 1 + Math.floor(Math.log(1 - random()) / Math.log(1 - 1 / blocksPerRun))
      for (let b = start; b < Math.min(start + length, blocks) && changed.size < wanted; b++) changed.add(b)
    }
  }
  return joinBlocks(changed, random)
}

function joinBlocks(changed: ReadonlySet<number>, random: Random): Run[] {
  const runs: { offset: number; length: number; kind: RunKind }[] = []
  for (const number of [...changed].toSorted((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last && last.offset + last.length === number * block) last.length += block
    else runs.push({ offset: number * block, length: block, kind: random() < 1 / 3 ? 'random' : 'compressible' })
  }
  return runs
}

type Fill = (bytes: Uint8Array, run: Run) => void

async function writeRun(
  file: DiskFile,
  { buffer, run, fill }: { buffer: Uint8Array; run: Run; fill: Fill },
): Promise<void> {
  for (let done = 0; done < run.length; done += piece) {
    const length = Math.min(piece, run.length - done)
    const bytes = buffer.subarray(0, length)
    fill(bytes, { ...run, offset: run.offset + done, length })
    await file.write(run.offset + done, bytes)
  }
}

/** Fills ranges with bytes that depend only on the seed, the offset and the kind. */
function filler(seed: number): Fill {
  const key = createHash('sha256').update(`nixen bench image ${seed}`).digest()
  const zeros = new Uint8Array(piece)
  return (bytes, run) => {
    if (run.kind === 'compressible') return fillCompressible(bytes, (seed * 31 + run.offset / block) >>> 0)
    const counter = Buffer.alloc(16)
    counter.writeBigUInt64BE(BigInt(run.offset))
    bytes.set(createCipheriv('aes-256-ctr', key, counter).update(zeros.subarray(0, bytes.length)))
  }
}

/** 32-bit words of a dictionary that text is made of: 4 KiB, so that a match is near in any compressor's window. */
const dictionaryWords = 1024

/** Words that are new, followed by words from a small dictionary, over and over, as program files and text are. */
function fillCompressible(bytes: Uint8Array, seed: number): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  let state = (seed ^ 0x9e3779b9) | 1
  // Marsaglia's xorshift, written out three times: a call for each word would be most of the time.
  const dictionary = new Uint32Array(dictionaryWords)
  for (let i = 0; i < dictionaryWords; i++) {
    state ^= state << 13
    state ^= state >>> 17
    dictionary[i] = state ^= state << 5
  }
  for (let at = 0; at < words.length;) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const from = (state >>> 8) & (dictionaryWords - 16)
    const fresh = 2 + (state & 1)
    const copied = 3 + ((state >>> 1) & 7)
    for (let i = 0; i < fresh; i++) {
      state ^= state << 13
      state ^= state >>> 17
      words[at++] = state ^= state << 5
    }
    for (let i = 0; i < copied; i++) words[at++] = dictionary[from + i] ?? 0
  }
}
