import {
  lockForReading,
  restoreDisk,
  restorePointDisk,
  updateDisk,
  type Repository,
  type RestoreProgress,
} from '@nixen/backup'
import { anySignal, assertNever } from '@nixen/core'
import { createDisk, formatNamed, openNbd, type DiskSink, type NbdDisk } from '@nixen/disk'
import type { HttpImport, NbdEndpoint } from '../../descriptors.ts'
import type { RestoreInput, RestoreOutput } from '../../operations/restore.ts'
import type { OperationCode } from '../context.ts'
import { sendImport } from '../http-stream.ts'

const nbdConnections = 4

/** Writes a disk of a restore point to where it is wanted. */
export const restore: OperationCode<'restore'> = async (input, { openWithIndex, signal, progress }) => {
  progress({ phase: 'open' })
  const repository = await openWithIndex()
  const tell = ({ doneBytes, totalBytes }: RestoreProgress): void =>
    progress({
      phase: 'write',
      detail: input.path,
      done: doneBytes,
      total: totalBytes,
      unit: 'bytes',
      bytesRead: doneBytes,
      bytesWritten: doneBytes,
    })
  const { snapshot, path, onDamage, threads: workers, sink } = input
  const options = { snapshot, path, onDamage, workers, signal, progress: tell }
  switch (sink.kind) {
    case 'nbd':
      return await toNbd(repository, sink, { ...options, differences: input.mode === 'differences' })
    case 'new-image': {
      const { size } = await restorePointDisk(repository, { snapshot, path, signal })
      await using file = await createDisk(sink.path, { size, format: sink.format, signal })
      return outputOf(await restoreDisk(repository, file, options))
    }
    case 'http-import':
      return await toStream(repository, sink, { input, signal, tell })
    default:
      return assertNever(sink, 'kind of sink')
  }
}

type Options = Parameters<typeof restoreDisk>[2]

async function toNbd(
  repository: Repository,
  { address, exportName, tls, connections = nbdConnections, size }: NbdEndpoint,
  { differences, ...options }: Options & { differences: boolean },
): Promise<RestoreOutput> {
  await using disk = await openNbd({ ...address, exportName, tls, connections, signal: options.signal })
  const wanted = size ?? (await restorePointDisk(repository, options)).size
  // A host may have rounded the size of the new disk up; the rest of it stays as it is.
  if (differences) return outputOf(await updateDisk(repository, asLarge(disk, wanted), options))
  return outputOf(await restoreDisk(repository, sinkOf(disk, wanted), options))
}

/** A fresh export: what is not written reads as zeros already. */
function sinkOf(disk: NbdDisk, wanted: number): DiskSink {
  const { size } = asLarge(disk, wanted)
  return {
    size,
    order: 'any',
    write: (offset, bytes, options) => disk.write(offset, bytes, options),
    zero: (offset, length, options) => disk.zero(offset, length, options),
    finish: (options) => disk.flush(options),
    // The disk is closed by who opened it.
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** The disk as one of `size` bytes; one that is smaller stays as it is, and the restore refuses it. */
function asLarge(disk: NbdDisk, size: number) {
  return {
    size: Math.min(size, disk.size),
    async *extents(options: { signal?: AbortSignal | undefined } = {}) {
      for await (const extent of disk.extents(options)) {
        const length = Math.min(extent.length, size - extent.offset)
        if (length > 0) yield { ...extent, length }
      }
    },
    read: disk.read.bind(disk),
    write: disk.write.bind(disk),
    zero: disk.zero.bind(disk),
    flush: disk.flush.bind(disk),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  } satisfies Parameters<typeof updateDisk>[1]
}

async function toStream(
  repository: Repository,
  sink: HttpImport,
  { input, signal, tell }: { input: RestoreInput; signal: AbortSignal; tell: (progress: RestoreProgress) => void },
): Promise<RestoreOutput> {
  await using lock = await lockForReading(repository, { signal })
  const held = anySignal(signal, lock?.signal)
  const source = await restorePointDisk(repository, {
    snapshot: input.snapshot,
    path: input.path,
    readAhead: 16,
    signal: held,
  })
  const format = formatNamed(sink.format)
  if (!format?.encode) throw new TypeError(`${sink.format} cannot be encoded`)
  const stream = await format.encode(source, { signal: held })
  let doneBytes = 0
  const totalBytes = stream.length ?? source.size
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const part of stream.bytes) {
      yield part
      doneBytes += part.length
      tell({ doneBytes: Math.min(doneBytes, totalBytes), totalBytes })
    }
  }
  await sendImport(sink, { ...stream, bytes: counted() }, held)
  return { size: source.size, writtenBytes: doneBytes, unchangedBytes: 0, lost: [] }
}

function outputOf(result: {
  size: number
  writtenBytes: number
  unchangedBytes?: number
  lost: RestoreOutput['lost']
}): RestoreOutput {
  const { size, writtenBytes, unchangedBytes = 0, lost } = result
  return { size, writtenBytes, unchangedBytes, lost }
}
