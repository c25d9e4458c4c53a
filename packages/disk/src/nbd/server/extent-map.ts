import type { ChangeToken, DiskSource } from '../../disk-source.ts'
import type { StatusRun } from '../client/reply.ts'
import { allocationFlag, dirtyFlag } from '../protocol.ts'
import { hasRangedExtents } from './exports.ts'

/** Runs in one reply; a client asks again from where the reply ends. */
const maxRuns = 64 * 1024
/** Runs kept for one source. What comes after them counts as data (or changed), which is slower but never wrong. */
const maxKeptRuns = 4 * 1024 * 1024

/** Answers block status requests for one source and one context. */
export interface StatusMap {
  /** Runs from `offset` on, at most up to `length` bytes, and at least one. */
  query(offset: number, length: number, signal: AbortSignal | undefined): Promise<StatusRun[]>
  /** The same, if it is known already. */
  peek(offset: number, length: number): StatusRun[] | undefined
}

const maps = new WeakMap<DiskSource, Map<ChangeToken | undefined, StatusMap>>()

/** The map of a source; all connections to one source share it. With `since` it tells what changed. */
export function statusMapOf(source: DiskSource, since?: ChangeToken): StatusMap {
  const known = maps.get(source) ?? new Map<ChangeToken | undefined, StatusMap>()
  maps.set(source, known)
  const map = known.get(since) ?? (hasRangedExtents(source) ? rangedMap(source, since) : new FrozenMap(source, since))
  known.set(since, map)
  return map
}

function flagsOf(kind: 'data' | 'zero', since: ChangeToken | undefined): number {
  if (since !== undefined) return dirtyFlag
  return kind === 'zero' ? allocationFlag.hole | allocationFlag.zero : 0
}

/** Collects runs without gaps: what is passed over gets the flags 0. */
class RunList {
  readonly runs: { length: number; flags: number }[] = []
  end: number

  constructor(start: number) {
    this.end = start
  }

  add(offset: number, length: number, flags: number): void {
    if (offset > this.end) this.#append(offset - this.end, 0)
    this.#append(length, flags)
  }

  #append(length: number, flags: number): void {
    const last = this.runs.at(-1)
    if (last && last.flags === flags) last.length += length
    else if (length > 0) this.runs.push({ length, flags })
    this.end += length
  }
}

function rangedMap(source: Parameters<typeof hasRangedExtents>[0], since: ChangeToken | undefined): StatusMap {
  return {
    query: async (offset, length, signal) => {
      const list = new RunList(offset)
      if (hasRangedExtents(source)) {
        for await (const extent of source.extentsWithin(offset, length, { since, signal })) {
          list.add(extent.offset, extent.length, flagsOf(extent.kind, since))
          if (list.runs.length >= maxRuns) return list.runs
        }
      }
      list.add(offset + length, 0, 0)
      return list.runs
    },
    peek: () => undefined,
  }
}

/** Keeps the extents of a source that does not change, and reads them only as far as they were asked for. */
class FrozenMap implements StatusMap {
  readonly #source: DiskSource
  readonly #since: ChangeToken | undefined
  /** Start of each run and its flags; adjacent runs differ in flags. */
  readonly #starts: number[] = []
  readonly #flags: number[] = []
  #end = 0
  #iterator: AsyncIterator<{ offset: number; length: number; kind: 'data' | 'zero' }> | undefined
  #growing: Promise<void> | undefined

  constructor(source: DiskSource, since: ChangeToken | undefined) {
    this.#source = source
    this.#since = since
  }

  async query(offset: number, length: number, signal: AbortSignal | undefined): Promise<StatusRun[]> {
    while (this.#end < Math.min(offset + length, this.#source.size)) {
      signal?.throwIfAborted()
      // Not tied to the signal of one connection: others wait for the same.
      await (this.#growing ??= this.#grow().finally(() => (this.#growing = undefined)))
      if (this.#end > offset && this.#runsAfter(offset) >= maxRuns) break
    }
    return this.#slice(offset, Math.min(length, this.#end - offset))
  }

  peek(offset: number, length: number): StatusRun[] | undefined {
    return offset + length <= this.#end ? this.#slice(offset, length) : undefined
  }

  /** Takes the next extents, several at once so that a promise for each does not dominate. */
  async #grow(): Promise<void> {
    this.#iterator ??= this.#source.extents({ since: this.#since })[Symbol.asyncIterator]()
    try {
      for (let count = 0; count < 1024 && this.#end < this.#source.size; count++) {
        const next = await this.#iterator.next()
        if (next.done) return this.#append(this.#source.size, 0)
        const { offset, length, kind } = next.value
        // After a failure the extents come again from the start.
        if (offset + length <= this.#end) continue
        if (offset > this.#end) this.#append(offset, 0)
        this.#append(offset + length, flagsOf(kind, this.#since))
        if (this.#starts.length >= maxKeptRuns) return await this.#giveUp()
      }
    } catch (error) {
      this.#iterator = undefined
      throw error
    }
  }

  async #giveUp(): Promise<void> {
    await this.#iterator?.return?.()
    this.#append(this.#source.size, this.#since === undefined ? 0 : dirtyFlag)
  }

  #append(end: number, flags: number): void {
    if (end <= this.#end) return
    if (this.#flags.at(-1) !== flags) {
      this.#starts.push(this.#end)
      this.#flags.push(flags)
    }
    this.#end = end
  }

  #runsAfter(offset: number): number {
    return this.#starts.length - this.#indexOf(offset)
  }

  /** Index of the run that holds `offset`. */
  #indexOf(offset: number): number {
    let [low, high] = [0, this.#starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  #slice(offset: number, length: number): StatusRun[] {
    const runs: StatusRun[] = []
    const limit = offset + length
    let start = offset
    for (let index = this.#indexOf(offset); start < limit && runs.length < maxRuns; index++) {
      const end = Math.min(limit, this.#starts[index + 1] ?? this.#end)
      runs.push({ length: end - start, flags: this.#flags[index] ?? 0 })
      start = end
    }
    return runs
  }
}
