import { protectErrors } from '@nixen/api'
import { isAppError, messageOf, type ByteStream } from '@nixen/core'
import {
  encodeRaw,
  largestVhd,
  vhd,
  type ChangeToken,
  type DiskSource,
  type EncodedStream,
  type Extent,
} from '@nixen/disk'
import { importVdi, isXapiError, type Ref } from '@nixen/xapi'
import { sampleUnchanged } from '../../protect/sample-unchanged.ts'
import type { RestoreProgress } from '../../protect/restore.ts'
import { untilDetached, type ProtectContext, type Stoppable } from './context.ts'
import { isFull } from './failures.ts'
import { exportWhole } from './export-source.ts'
import { openAtSome } from './nbd-exports.ts'

export interface WriteOptions extends Stoppable {
  /** For messages. */
  readonly name: string
  readonly storage: string
  readonly progress?: ((done: Pick<RestoreProgress, 'doneBytes' | 'totalBytes' | 'sentBytes'>) => void) | undefined
}

/** A block of a VHD. Hosts take it or leave it as a whole. */
const blockSize = 2 * 1024 * 1024
/** Blocks that are read back after a disk was written. */
const samples = 32

/** Fills a new, empty disk: as VHD, in which zeros are left out, or raw where it is too large for that. Resolves with the bytes that were sent. */
export async function writeWhole(
  context: ProtectContext,
  vdi: Ref<'VDI'>,
  { source, ...options }: WriteOptions & { source: DiskSource },
): Promise<number> {
  const watched = watchedSource(source, options)
  const { signal } = options
  const asVhd = source.size <= largestVhd && source.size % 512 === 0
  const encoded: EncodedStream | undefined = asVhd
    ? await vhd.encode?.(watched.source, { signal })
    : { length: source.size, bytes: encodeRaw(watched.source, { signal }) }
  if (!encoded) throw new TypeError('VHD can be encoded')
  await upload(context, vdi, { encoded, format: asVhd ? 'vhd' : 'raw', watched, ...options })
  return watched.sent
}

/**
 * Makes a copy of an existing disk what a restore point holds: reads both, and sends only the blocks that differ. XAPI has no writing at an offset,
 * but a VHD that is imported over a disk leaves alone what it does not hold.
 */
export async function writeDifference(
  context: ProtectContext,
  vdi: Ref<'VDI'>,
  { source, differs, ...options }: WriteOptions & { source: DiskSource; differs?: readonly Extent[] | undefined },
): Promise<number> {
  const watched = watchedSource(source, options)
  const known = differs && wholeBlocks(differs, source.size)
  const differing =
    known ??
    (await withReading(context, vdi, { ...options, size: source.size }, (existing) =>
      differingBlocks(watched.source, existing, options),
    ))
  if (differing.length === 0) return 0
  // Both tokens only say that this is a difference.
  const token = 'restore' as ChangeToken
  const changes: DiskSource = {
    size: source.size,
    async *extents() {
      yield* differing
    },
    read: (offset, into, io) => watched.source.read(offset, into, io),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  const settings = { subformat: 'differencing', parentName: 'existing.vhd', parentUuid: '0123456789abcdef'.repeat(2) }
  const encoded = await vhd.encode?.(changes, { since: token, settings, signal: options.signal })
  if (!encoded) throw new TypeError('VHD can be encoded')
  await upload(context, vdi, { encoded, format: 'vhd', watched, ...options })
  return watched.sent
}

/** Reads some of a written disk back. Without NBD nothing is read: an export would be read from its start for each block. */
export async function checkWritten(
  context: ProtectContext,
  vdi: Ref<'VDI'>,
  { source, name, signal }: WriteOptions & { source: DiskSource },
): Promise<void> {
  const opened = await openAtSome(context, vdi, { connections: 1, insecure: false, signal })
  if ('code' in opened) return
  await using written = opened
  const options = { changed: [], samples, random: context.random, signal }
  const { differing } = await sampleUnchanged(written, source, options)
  const [first] = differing
  if (first === undefined) return
  const reason = `what the host reads back at byte ${first.offset} is not what was sent.`
  throw protectErrors.restore_failed({ disk: name, reason })
}

interface Upload extends WriteOptions {
  readonly encoded: EncodedStream
  readonly format: 'vhd' | 'raw'
  readonly watched: Watched
}

async function upload({ xapi, ...context }: ProtectContext, vdi: Ref<'VDI'>, what: Upload): Promise<void> {
  const { encoded, format, watched, name, storage, signal } = what
  try {
    const { length } = encoded
    await importVdi(xapi, vdi, watched.count(encoded.bytes), { format, length, signal })
    // The disk is the host's for a moment after the upload.
    await untilDetached({ xapi, ...context }, vdi, { signal })
  } catch (error) {
    signal?.throwIfAborted()
    if (watched.failure) throw watched.failure
    if (isFull(error))
      throw protectErrors.storage_full({ storage, what: `the disk "${name}" does not fit` }, { cause: error })
    if (!isXapiError(error) && !isAppError(error)) throw error
    throw protectErrors.restore_failed({ disk: name, reason: messageOf(error) }, { cause: error })
  }
}

interface Watched {
  readonly source: DiskSource
  count(bytes: ByteStream): AsyncGenerator<Uint8Array>
  readonly sent: number
  /** What reading the source threw: not the host's fault. */
  readonly failure: Error | undefined
}

/** Tells how far the reading is, and counts what is sent. */
function watchedSource(source: DiskSource, { progress }: WriteOptions): Watched {
  const state = { sent: 0, done: 0, failure: undefined as Error | undefined }
  const tell = (): void => progress?.({ doneBytes: state.done, totalBytes: source.size, sentBytes: state.sent })
  return {
    get sent() {
      return state.sent
    },
    get failure() {
      return state.failure
    },
    source: {
      size: source.size,
      extents: (options) => source.extents(options),
      async read(offset, into, options) {
        try {
          await source.read(offset, into, options)
        } catch (error) {
          state.failure ??= error instanceof Error ? error : new Error(String(error), { cause: error })
          throw error
        }
        state.done = Math.max(state.done, offset + into.length)
        tell()
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    async *count(bytes) {
      for await (const part of bytes) {
        yield part
        state.sent += part.length
      }
      state.done = source.size
      tell()
    },
  }
}

async function withReading<T>(
  context: ProtectContext,
  vdi: Ref<'VDI'>,
  { name, size, signal }: WriteOptions & { size: number },
  work: (existing: DiskSource) => Promise<T>,
): Promise<T> {
  const opened = await openAtSome(context, vdi, { connections: 2, insecure: false, signal })
  await using existing: DiskSource =
    'code' in opened ? await exportWhole(context, { vdi, name, size }, { signal }) : opened
  if (existing.size !== size) throw protectErrors.source_changed({ disk: name, before: size, now: existing.size })
  return await work(existing)
}

/** The blocks that ranges touch. */
function wholeBlocks(ranges: readonly Extent[], size: number): Extent[] {
  const blocks = new Set<number>()
  for (const { offset, length } of ranges)
    for (let block = Math.floor(offset / blockSize); block * blockSize < offset + length; block++) blocks.add(block)
  return [...blocks]
    .toSorted((a, b) => a - b)
    .map((block) => ({
      offset: block * blockSize,
      length: Math.min(blockSize, size - block * blockSize),
      kind: 'data',
    }))
}

/** The blocks in which two disks differ; only those are read in which either has data. */
async function differingBlocks(a: DiskSource, b: DiskSource, { signal }: Stoppable): Promise<Extent[]> {
  const blocks = new Set<number>()
  for (const disk of [a, b]) {
    for await (const { offset, length, kind } of disk.extents({ signal })) {
      if (kind === 'zero') continue
      for (let block = Math.floor(offset / blockSize); block * blockSize < offset + length; block++) blocks.add(block)
    }
  }
  const [left, right] = [new Uint8Array(blockSize), new Uint8Array(blockSize)]
  const differing: Extent[] = []
  for (const block of [...blocks].toSorted((x, y) => x - y)) {
    signal?.throwIfAborted()
    const offset = block * blockSize
    const length = Math.min(blockSize, a.size - offset)
    const [x, y] = [left.subarray(0, length), right.subarray(0, length)]
    await Promise.all([a.read(offset, x, { signal }), b.read(offset, y, { signal })])
    if (Buffer.compare(x, y) !== 0) differing.push({ offset, length, kind: 'data' })
  }
  return differing
}
