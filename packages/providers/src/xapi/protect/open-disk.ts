import { protectErrors } from '@nixen/api'
import { isAppError, messageOf } from '@nixen/core'
import { largestVhd, type DiskSource, type Extent, type NbdDisk } from '@nixen/disk'
import { isXapiError, type Ref } from '@nixen/xapi'
import type { FrozenDisk, FrozenVm } from '../../protect/freeze.ts'
import type { OpenDiskOptions, OpenedDisk, ReadingMode } from '../../protect/open-disk.ts'
import { fallback, type FallbackReason } from '../../protect/reasons.ts'
import { findBase, trackedChanges, type Base } from './changes.ts'
import { callsOf, isGone, unlessGone, type ProtectContext } from './context.ts'
import { dataIn, exportDifference, exportedRanges, exportWhole, type ExportedDisk } from './export-source.ts'
import { openAtSome } from './nbd-exports.ts'
import { NbdSource } from './nbd-source.ts'

/** Connections to read a disk by, when the caller has no wish: more than one pays where TLS costs a core of the host. */
const usualConnections = 2

/** Opens a frozen disk: first it is found out what changed, then the best way to read it. */
export async function openFrozen(
  context: ProtectContext,
  frozen: FrozenVm,
  { key, ...options }: OpenDiskOptions & { key: string },
): Promise<OpenedDisk> {
  const disk = frozen.disks.find((candidate) => candidate.key === key)
  if (!disk) throw protectErrors.frozen_gone({ disk: key })
  const vdi = await unlessGone(callsOf(context, options).VDI.get_by_uuid(disk.frozen))
  if (vdi === undefined) throw protectErrors.frozen_gone({ disk: disk.name })
  const opening = new Opening(context, { disk, vdi, options })
  try {
    return await opening.open()
  } catch (error) {
    options.signal?.throwIfAborted()
    // Somebody removed the snapshot between two calls.
    if (isGone(error)) throw protectErrors.frozen_gone({ disk: disk.name }, { cause: error })
    throw error
  }
}

class Opening {
  readonly #context: ProtectContext
  readonly #disk: FrozenDisk
  readonly #exported: ExportedDisk
  readonly #options: OpenDiskOptions
  readonly #because: FallbackReason[] = []

  constructor(context: ProtectContext, what: { disk: FrozenDisk; vdi: Ref<'VDI'>; options: OpenDiskOptions }) {
    this.#context = context
    this.#disk = what.disk
    this.#exported = { vdi: what.vdi, name: what.disk.name, size: what.disk.size }
    this.#options = what.options
  }

  async open(): Promise<OpenedDisk> {
    const base = this.#settled(
      await findBase(this.#context, this.#disk, { ...this.#options, since: this.#options.since }),
    )
    const tracked = base && (await this.#tracked(base))
    const nbd = await this.#nbd()
    if (!nbd) return (base && (await this.#differenceStream(base))) ?? (await this.#wholeStream(tracked))
    try {
      const changed = tracked ?? (base && (await this.#difference(base)))
      return await this.#overNbd(nbd, { tracked, changed })
    } catch (error) {
      await nbd[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Notes a reason; passes on anything better. */
  #settled<T extends object>(found: T | FallbackReason): T | undefined {
    if (!('code' in found && 'text' in found)) return found
    this.#because.push(found)
    return undefined
  }

  #leftOut(way: 'nbd' | 'changes' | 'delta', what: string): boolean {
    if (!this.#options.without?.includes(way)) return false
    this.#because.push(fallback('left_out', { what }))
    return true
  }

  async #tracked(base: Base): Promise<readonly Extent[] | undefined> {
    if (this.#leftOut('changes', "The host's record of changes")) return undefined
    const { vdi } = this.#exported
    return this.#settled(await trackedChanges(this.#context, { vdi, disk: this.#disk, base }, this.#options))
  }

  async #nbd(): Promise<NbdDisk | undefined> {
    if (this.#leftOut('nbd', 'NBD')) return undefined
    const { connections = usualConnections, insecureNbd = false, signal } = this.#options
    const opened = this.#settled(
      await openAtSome(this.#context, this.#exported.vdi, { connections, insecure: insecureNbd, signal }),
    )
    if (!opened || opened.size === this.#disk.size) return opened
    await opened[Symbol.asyncDispose]()
    throw protectErrors.source_changed({ disk: this.#disk.name, before: this.#disk.size, now: opened.size })
  }

  /** Which blocks differ from the kept snapshot, by what the host says at the front of an export. */
  async #difference(base: Base): Promise<readonly Extent[] | undefined> {
    if (!this.#mayDiffer(base)) return undefined
    return await this.#tried('delta_failed', () =>
      exportedRanges(this.#context, { ...this.#exported, base: base.ref }, this.#options),
    )
  }

  #mayDiffer({ vdi }: Base): boolean {
    if (this.#leftOut('delta', 'The export of differences')) return false
    const reason =
      vdi.type === 'cbt_metadata'
        ? fallback('base_without_data')
        : this.#disk.size > largestVhd
          ? fallback('too_large', { limit: largestVhd })
          : undefined
    if (reason) this.#because.push(reason)
    return reason === undefined
  }

  async #overNbd(
    disk: NbdDisk,
    { tracked, changed }: { tracked: readonly Extent[] | undefined; changed: readonly Extent[] | undefined },
  ): Promise<OpenedDisk> {
    const how: ReadingMode = tracked ? 'nbd-cbt' : changed ? 'delta-export' : 'nbd-full'
    const { connections = usualConnections, insecureNbd = false } = this.#options
    const { name, vdi } = this.#exported
    const data = changed || disk.contexts.includes('base:allocation') ? undefined : await this.#allocated()
    const source = new NbdSource(this.#context, vdi, { disk, name, connections, insecure: insecureNbd, data })
    return this.#opened(source, { how, changed, sequential: false })
  }

  /** Where there is data, by the front of an export: hosts' own NBD servers do not tell. All of the disk when that is not told either. */
  async #allocated(): Promise<readonly Extent[] | undefined> {
    if (this.#disk.size > largestVhd || this.#options.without?.includes('delta')) return undefined
    try {
      const data = await exportedRanges(this.#context, this.#exported, this.#options)
      return [...withGaps(data, this.#disk.size)]
    } catch (error) {
      this.#options.signal?.throwIfAborted()
      if (isGone(error)) throw error
      return undefined
    }
  }

  async #differenceStream(base: Base): Promise<OpenedDisk | undefined> {
    if (!this.#mayDiffer(base)) return undefined
    const open = this.#options.base
    if (!open) {
      this.#because.push(fallback('base_unreadable'))
      return undefined
    }
    return await this.#tried('delta_failed', async () => {
      const before = await open()
      try {
        const stream = await exportDifference(
          this.#context,
          { ...this.#exported, base: base.ref, before },
          this.#options,
        )
        const changed = dataIn(stream.ranges)
        const source = changesOnly(stream, { before, changed, name: this.#disk.name })
        return this.#opened(source, { how: 'delta-export', changed, sequential: true })
      } catch (error) {
        await before[Symbol.asyncDispose]()
        throw error
      }
    })
  }

  async #wholeStream(changed: readonly Extent[] | undefined): Promise<OpenedDisk> {
    try {
      const source = await exportWhole(this.#context, this.#exported, this.#options)
      return this.#opened(source, { how: 'full-export', changed, sequential: true })
    } catch (error) {
      this.#options.signal?.throwIfAborted()
      if (isGone(error) || !(isXapiError(error) || isAppError(error))) throw error
      const reasons = [...this.#because.map(({ text }) => text), messageOf(error)].join(' ')
      throw protectErrors.unreadable({ disk: this.#disk.name, reasons }, { cause: error })
    }
  }

  async #tried<T>(code: 'delta_failed', work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      this.#options.signal?.throwIfAborted()
      if (isGone(error) || !(isXapiError(error) || isAppError(error))) throw error
      this.#because.push(fallback(code, { message: messageOf(error) }))
      return undefined
    }
  }

  #opened(source: DiskSource, rest: Pick<OpenedDisk, 'how' | 'changed' | 'sequential'>): OpenedDisk {
    return {
      ...rest,
      source,
      because: this.#because,
      [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
    }
  }
}

function* withGaps(data: readonly Extent[], size: number): Generator<Extent> {
  let end = 0
  for (const { offset, length } of data) {
    if (offset > end) yield { offset: end, length: offset - end, kind: 'zero' }
    yield { offset, length, kind: 'data' }
    end = offset + length
  }
  if (end < size) yield { offset: end, length: size - end, kind: 'zero' }
}

/** A stream of differences is no whole disk: its changed blocks are, and the rest is what the restore point has. */
function changesOnly(
  stream: DiskSource,
  { before, changed, name }: { before: DiskSource; changed: readonly Extent[]; name: string },
): DiskSource {
  const touches = (offset: number, length: number): boolean =>
    changed.some((extent) => extent.offset < offset + length && offset < extent.offset + extent.length)
  return {
    size: stream.size,
    extents: () => {
      throw protectErrors.changes_only({ disk: name })
    },
    read: (offset, into, options) =>
      touches(offset, into.length) ? stream.read(offset, into, options) : before.read(offset, into, options),
    async [Symbol.asyncDispose]() {
      await stream[Symbol.asyncDispose]()
      await before[Symbol.asyncDispose]()
    },
  }
}
