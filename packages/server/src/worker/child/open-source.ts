import { repositoryErrors } from '@nixen/api/repository-errors'
import { assertNever } from '@nixen/core'
import {
  decodeRaw,
  openDisk,
  openNbd,
  vhd,
  type ChangeToken,
  type DiskSource,
  type Extent,
  type ExtentOptions,
} from '@nixen/disk'
import type { ConnectionSpec, FallbackReason, ProviderSession, ReadingMode } from '@nixen/providers'
import type { DiskSourceSpec, FrozenDiskSource, HttpExport } from '../descriptors.ts'
import { openExport } from './http-stream.ts'
import { SequentialDisk } from './sequential-disk.ts'
import { spool } from './spool.ts'

/** A source, and what it says itself of what changed. */
export interface OpenedSource extends AsyncDisposable {
  readonly disk: DiskSource
  /** For a stream of changes: what it held. */
  readonly changed?: readonly Extent[] | undefined
  /** It comes as a stream: a step back costs much. */
  readonly sequential?: boolean | undefined
  /** How a provider reads it, and which better ways it could not take. */
  readonly how?: ReadingMode | undefined
  readonly because?: readonly FallbackReason[] | undefined
}

export interface OpenSourceOptions {
  readonly session: (spec: ConnectionSpec) => Promise<ProviderSession>
  /** Opens the disk as it was in the restore point that the new one builds on. */
  readonly base?: (() => Promise<DiskSource>) | undefined
  readonly signal: AbortSignal
}

/** Connections to one export: four keep a link of 10 Gbit/s busy, and hosts serve each with a thread. */
const nbdConnections = 4

/** Opens what a backup reads. @throws nbd.*, disk.*, repository.bad_source */
export async function openSource(spec: DiskSourceSpec, options: OpenSourceOptions): Promise<OpenedSource> {
  const { signal } = options
  switch (spec.kind) {
    case 'nbd': {
      const { address, exportName, tls, connections = nbdConnections, size } = spec
      const disk = await openNbd({ ...address, exportName, tls, connections, signal })
      return opened(size === undefined ? disk : await cutTo(disk, size, spec.exportName ?? ''))
    }
    case 'http-export':
      return await openStream(spec, signal)
    case 'frozen':
      return await openFrozen(spec, options)
    case 'image':
      return opened(await openDisk(spec.path, { format: spec.format, signal }))
    default:
      return assertNever(spec, 'kind of source')
  }
}

async function openFrozen(
  { connection, frozen, disk, since, connections, without, insecureNbd }: FrozenDiskSource,
  { session, base, signal }: OpenSourceOptions,
): Promise<OpenedSource> {
  const { protect } = await session(connection)
  const opened = await protect.openDisk(frozen, disk, { since, base, connections, without, insecureNbd, signal })
  const { source, how, because, changed } = opened
  return {
    disk: source,
    how,
    because,
    sequential: opened.sequential,
    ...(changed ? { changed } : {}),
    [Symbol.asyncDispose]: async () => await opened[Symbol.asyncDispose](),
  }
}

async function openStream(spec: HttpExport, signal: AbortSignal): Promise<OpenedSource> {
  const bytes = await openExport(spec, signal)
  const { size } = spec
  if (spec.format === 'raw' && spec.delta !== true) {
    return sequential(new SequentialDisk(decodeRaw(bytes, { size }), { size, signal }))
  }
  if (spec.format === 'raw') {
    throw repositoryErrors.bad_source({ what: 'a raw disk', reason: 'it cannot hold changes alone.' })
  }
  if (!vhd.decode) throw new TypeError('VHD cannot be decoded')
  const stream = await vhd.decode(bytes, { signal })
  if (spec.delta !== true && stream.order === 'ascending') {
    return sequential(new SequentialDisk(stream, { size, signal }))
  }
  await using _stream = stream
  const spooled = await spool(stream, { size, signal })
  return spec.delta === true ? { ...opened(spooled), changed: spooled.held } : opened(spooled)
}

function sequential(disk: DiskSource): OpenedSource {
  return { ...opened(disk), sequential: true }
}

function opened(disk: DiskSource): OpenedSource {
  return { disk, [Symbol.asyncDispose]: async () => await disk[Symbol.asyncDispose]() }
}

/** The first `size` bytes of a disk. A disk that is smaller is an error, not a shorter backup. */
async function cutTo(disk: DiskSource, size: number, name: string): Promise<DiskSource> {
  if (disk.size === size) return disk
  if (disk.size < size) {
    await disk[Symbol.asyncDispose]()
    const reason = `it has ${disk.size} bytes, the disk ${size}.`
    throw repositoryErrors.bad_source({ what: `the NBD export ${name}`, reason })
  }
  return {
    size,
    extents: (options: ExtentOptions & { since?: ChangeToken | undefined } = {}) => within(disk.extents(options), size),
    read: (offset, into, options) => disk.read(offset, into, options),
    [Symbol.asyncDispose]: async () => await disk[Symbol.asyncDispose](),
  }
}

async function* within(extents: AsyncIterable<Extent>, size: number): AsyncGenerator<Extent> {
  for await (const extent of extents) {
    const length = Math.min(extent.length, size - extent.offset)
    if (length > 0) yield { ...extent, length }
  }
}
