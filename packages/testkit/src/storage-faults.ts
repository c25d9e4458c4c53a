import { systemClock, type Clock } from '@nixen/core'
import type { FileId, FileKind, LoadOptions, Storage, StorageOptions, StorageProperties } from '@nixen/backup'

export type StorageMethod = 'save' | 'load' | 'stat' | 'list' | 'remove'

/** What goes wrong in one call. */
export type FaultEffect =
  /** The call fails and nothing happened. */
  | { readonly kind: 'error'; readonly error: Error }
  /** The call did its work, but its answer is lost: the caller sees the error. */
  | { readonly kind: 'lost answer'; readonly error: Error }
  /** The answer comes late (milliseconds). */
  | { readonly kind: 'delay'; readonly ms: number }
  /** A read gives only its first bytes, as if they were all. */
  | { readonly kind: 'short read'; readonly bytes: number }
  /** A read gives one wrong bit; counted from the first bit of what is read, modulo its length. */
  | { readonly kind: 'bit flip'; readonly bit: number }
  /** The write is said to be durable, and a power cut ({@link FaultyStorage.cutPower}) loses it. */
  | { readonly kind: 'lost write' }
  /** The list is the one of the last call for its kind. */
  | { readonly kind: 'stale list' }
  /** The list breaks off after some files. */
  | { readonly kind: 'broken list'; readonly after: number; readonly error: Error }

export interface Fault {
  readonly on: StorageMethod
  readonly effect: FaultEffect
  /** Only for these files; lists ask with an empty name. */
  readonly when?: (file: FileId) => boolean
  /** Calls that pass before the first fault. */
  readonly skip?: number
  /** How many calls fail; all when left out. */
  readonly times?: number
  /** Only every n-th call. */
  readonly every?: number
}

interface Armed {
  readonly fault: Fault
  matched: number
  fired: number
}

/** A storage that fails as it is told to, over any other one. */
export class FaultyStorage implements Storage {
  readonly #inner: Storage
  readonly #clock: Clock
  readonly #armed: Armed[] = []
  readonly #counts = new Map<StorageMethod, number>()
  readonly #atRisk: FileId[] = []
  readonly #lastLists = new Map<FileKind, { name: string; size: number }[]>()

  constructor(inner: Storage, { clock = systemClock }: { clock?: Clock } = {}) {
    this.#inner = inner
    this.#clock = clock
  }

  get properties(): StorageProperties {
    return this.#inner.properties
  }

  /** Adds a fault; several may hit one call. */
  inject(fault: Fault): void {
    this.#armed.push({ fault, matched: 0, fired: 0 })
  }

  /** Forgets all faults. */
  heal(): void {
    this.#armed.length = 0
  }

  /** How often a method was called. */
  calls(method: StorageMethod): number {
    return this.#counts.get(method) ?? 0
  }

  /** Loses the writes that were hit by `lost write`. */
  async cutPower(): Promise<void> {
    for (const file of this.#atRisk.splice(0)) await this.#inner.remove(file)
  }

  async save(file: FileId, parts: readonly Uint8Array[], options?: StorageOptions): Promise<void> {
    const effects = await this.#before('save', file)
    await this.#inner.save(file, parts, options)
    if (effects.some(({ kind }) => kind === 'lost write')) this.#atRisk.push(file)
    loseAnswer(effects)
  }

  async load(file: FileId, options?: LoadOptions): Promise<Uint8Array> {
    const effects = await this.#before('load', file)
    let bytes = await this.#inner.load(file, options)
    for (const effect of effects) {
      if (effect.kind === 'short read') bytes = bytes.slice(0, effect.bytes)
      if (effect.kind === 'bit flip') bytes = withFlippedBit(bytes, effect.bit)
    }
    loseAnswer(effects)
    return bytes
  }

  async stat(file: FileId, options?: StorageOptions): Promise<{ size: number } | undefined> {
    const effects = await this.#before('stat', file)
    const found = await this.#inner.stat(file, options)
    loseAnswer(effects)
    return found
  }

  async *list(kind: FileKind, options?: StorageOptions): AsyncGenerator<{ name: string; size: number }> {
    const effects = await this.#before('list', { kind, name: '' })
    const stale = effects.some((effect) => effect.kind === 'stale list') ? this.#lastLists.get(kind) : undefined
    if (stale) return yield* stale
    const broken = effects.find((effect) => effect.kind === 'broken list')
    const listed: { name: string; size: number }[] = []
    for await (const found of this.#inner.list(kind, options)) {
      if (broken && listed.length >= broken.after) throw broken.error
      listed.push(found)
      yield found
    }
    this.#lastLists.set(kind, listed)
  }

  async remove(file: FileId, options?: StorageOptions): Promise<void> {
    const effects = await this.#before('remove', file)
    await this.#inner.remove(file, options)
    loseAnswer(effects)
  }

  async removeLeftovers(options: StorageOptions & { olderThan: number }): Promise<{ removed: number }> {
    return (await this.#inner.removeLeftovers?.(options)) ?? { removed: 0 }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]()
  }

  async #before(method: StorageMethod, file: FileId): Promise<FaultEffect[]> {
    this.#counts.set(method, this.calls(method) + 1)
    const effects: FaultEffect[] = []
    for (const armed of this.#armed) if (fires(armed, method, file)) effects.push(armed.fault.effect)
    for (const effect of effects) {
      if (effect.kind === 'delay') await this.#clock.sleep(effect.ms)
      if (effect.kind === 'error') throw effect.error
    }
    return effects
  }
}

function fires(armed: Armed, method: StorageMethod, file: FileId): boolean {
  const { on, when, skip = 0, times = Infinity, every = 1 } = armed.fault
  if (on !== method || (when && !when(file))) return false
  const nth = ++armed.matched
  if (nth <= skip || (nth - skip) % every !== 0 || armed.fired >= times) return false
  armed.fired++
  return true
}

function loseAnswer(effects: readonly FaultEffect[]): void {
  for (const effect of effects) if (effect.kind === 'lost answer') throw effect.error
}

/** A copy of `bytes` with one bit changed. */
export function withFlippedBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = new Uint8Array(bytes)
  if (copy.length === 0) return copy
  const index = Math.floor(bit / 8) % copy.length
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit % 8))
  return copy
}
