import { systemClock, type Clock, type Random } from '@nixen/core'
import { XapiError } from '@nixen/xapi'
import { smError } from '../storage/sm-errors.ts'
import { LimitedSpace, type SpaceFaultRule } from './space-faults.ts'
import { fitsStream, ImpededStream, type StreamFaultRule } from './stream-faults.ts'

/** Makes calls fail or wait. A rule fits when all that it names fits. */
export interface FaultRule {
  /** `VM.start`, or `VM.*` for all messages of a class, or `*`. */
  readonly method: string
  /** Only calls whose first parameter is this reference. */
  readonly ref?: string
  /** Share of the calls, 0 to 1; 1 when left out. */
  readonly probability?: number
  /** How often at the most; without end when left out. */
  readonly count?: number
  /** How many calls that fit are let through first; none when left out. */
  readonly skip?: number
  /** Classes whose calls it does not fit: `event`, `task`. */
  readonly except?: readonly string[]
  /** Code and parameters to answer with; `{ref}` in a parameter stands for the call's first one. Without it the call only waits. */
  readonly error?: readonly [code: string, ...params: string[]]
  /** Milliseconds to wait first. */
  readonly delay?: number
  /** The call is done, and its answer never comes: what is seen of a host that dies then. */
  readonly lost?: boolean
  /** The call is done, and this text is answered instead: a host that says what is not so. */
  readonly answer?: string
}

/** What becomes of the answer of a call. */
export interface Impediment {
  readonly lost: boolean
  readonly answer: string | undefined
}

/** How long operations take. Times in milliseconds. */
export interface Delays {
  /** For every operation that changes something. */
  readonly all?: number
  /** By method, instead of `all`. */
  readonly methods?: Readonly<Record<string, number>>
  /** Each delay varies by up to this share of itself, 0 to 1. */
  readonly jitter?: number
}

interface Active<Rule> {
  readonly rule: Rule
  used: number
  /** Calls that fitted and were let through. */
  skipped: number
}

/** A rule in force. */
export interface AddedRule {
  /** How often it has been applied. */
  readonly used: number
  remove(): void
}

/** The rules in force, and how often each was used. */
export class Faults {
  readonly #random: Random
  readonly #clock: Clock
  #rules: Active<FaultRule>[] = []
  #streams: Active<StreamFaultRule>[] = []
  #spaces: LimitedSpace[] = []
  #delays: Delays

  constructor({ random, clock = systemClock, delays = {} }: { random: Random; clock?: Clock; delays?: Delays }) {
    this.#random = random
    this.#clock = clock
    this.#delays = delays
  }

  /** Puts a rule for calls, for streams or for the room on an SR in force. */
  add(rule: FaultRule | StreamFaultRule | SpaceFaultRule): AddedRule {
    if ('sr' in rule) {
      const limited = new LimitedSpace(rule)
      this.#spaces.push(limited)
      return handleOf(limited, () => (this.#spaces = this.#spaces.filter((other) => other !== limited)))
    }
    if ('stream' in rule) {
      const active = { rule, used: 0, skipped: 0 }
      this.#streams.push(active)
      return handleOf(active, () => (this.#streams = this.#streams.filter((other) => other !== active)))
    }
    const active = { rule, used: 0, skipped: 0 }
    this.#rules.push(active)
    return handleOf(active, () => (this.#rules = this.#rules.filter((other) => other !== active)))
  }

  clear(): void {
    this.#rules = []
    this.#streams = []
    this.#spaces = []
  }

  /** Takes room on an SR; `SR_BACKEND_FAILURE_44` when a rule leaves none. */
  takeSpace(sr: string, bytes: number): void {
    for (const space of this.#spaces) if (!space.take(sr, bytes)) throw smError('SRNoSpace')
  }

  /** The rule that a new stream is under; `undefined` for most. */
  stream(name: string): ImpededStream | undefined {
    for (const active of this.#streams) {
      const { rule } = active
      if (!fitsStream(rule, name) || active.used >= (rule.count ?? Infinity)) continue
      if (this.#random() >= (rule.probability ?? 1)) continue
      active.used++
      return new ImpededStream(rule, this.#clock)
    }
    return undefined
  }

  setDelays(delays: Delays): void {
    this.#delays = delays
  }

  /** Applies the rules that fit a call: waits, then throws the first error. Resolves with what becomes of its answer. */
  async apply(method: string, ref: string | undefined, signal: AbortSignal): Promise<Impediment> {
    let lost = false
    let answer: string | undefined
    for (const active of this.#rules) {
      const { rule } = active
      if (!fits(rule, method, ref) || active.used >= (rule.count ?? Infinity)) continue
      if (this.#random() >= (rule.probability ?? 1)) continue
      if (active.skipped < (rule.skip ?? 0)) {
        active.skipped++
        continue
      }
      active.used++
      if (rule.delay) await this.#clock.sleep(rule.delay, { signal })
      lost ||= rule.lost === true
      answer ??= rule.answer
      if (!rule.error) continue
      const [code, ...params] = rule.error
      throw new XapiError(
        code,
        params.map((param) => param.replace('{ref}', ref ?? '')),
      )
    }
    return { lost, answer }
  }

  /** Whether no rule could fit, so that the common case costs nothing. */
  get idle(): boolean {
    return this.#rules.length === 0
  }

  /** Milliseconds that an operation takes. */
  delayOf(method: string): number {
    const base = this.#delays.methods?.[method] ?? this.#delays.all ?? 0
    return base === 0 ? 0 : base * (1 + (this.#delays.jitter ?? 0) * (2 * this.#random() - 1))
  }
}

function handleOf(active: { readonly used: number }, remove: () => void): AddedRule {
  return {
    get used() {
      return active.used
    },
    remove,
  }
}

function fits(rule: FaultRule, method: string, ref: string | undefined): boolean {
  if (rule.ref !== undefined && rule.ref !== ref) return false
  if (rule.except?.some((name) => method.startsWith(`${name}.`)) === true) return false
  if (rule.method === '*' || rule.method === method) return true
  return rule.method.endsWith('.*') && method.startsWith(rule.method.slice(0, -1))
}
