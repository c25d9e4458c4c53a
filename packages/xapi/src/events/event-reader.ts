import { backoff, Channel, isAppError, isRecord, messageOf, type Clock, type Log, type Random } from '@nixen/core'
import { isXapiError, xapiErrors } from '../errors.ts'
import type { EventClassName } from '../generated/records.ts'
import { classOfEvent } from '../values/schema.ts'
import type { SessionAnswer, SessionCall } from '../session/ports.ts'
import type { ResetReason, XapiChange, XapiChanges } from './changes.ts'
import { KnownObjects, type DecodedEvent } from './known-objects.ts'

export interface EventsOptions<C extends EventClassName = EventClassName> {
  /** Only objects of these classes; all when left out. */
  readonly classes?: readonly C[]
  /** Where an earlier reader stopped (`synced`); without it everything is told first. */
  readonly token?: string
  readonly signal?: AbortSignal
  /** Told of each failure that is tried again after `pause` milliseconds. */
  readonly onRetry?: (error: unknown, pause: number) => void
  /** Seconds that the host holds an empty answer back; 30 when left out. */
  readonly hold?: number
  /** Longest pause before a failed read is tried again, in milliseconds; 30,000 when left out. */
  readonly maxPause?: number
}

/** A call on the session that also says which host answered. */
export type EventCall = (method: string, params: readonly unknown[], request: SessionCall) => Promise<SessionAnswer>

/** What reading events needs of a session. */
export interface EventContext {
  readonly call: EventCall
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

interface Tail {
  readonly token: string
  /** Number of objects of each class, lower-case names. */
  readonly counts: Readonly<Record<string, unknown>>
}

/** Time for an answer on top of the time that the host may hold it back, in milliseconds. */
const answerMargin = 30_000
/** Changes handed out at once while a large answer comes in. */
const partSize = 1000
/** An answer that is not understood this often in a row will not be understood later. */
const maxBadAnswers = 3

/**
 * Reads `event.from` for as long as the caller goes on.
 *
 * The first answer, to an empty token, holds every object as of one moment, so nothing can fall between a first load and the events after it.
 * Everything is told again when the host refuses the token, when its generations have gone back, and after every new log-in: another host may
 * have become master, whose generations are its own, or the same one may have restarted from an older database and counted past the token
 * since. The host forgets removed objects after a while and then says nothing about
 * them: it does send how many there are, and a class whose count differs is read again.
 *
 * @throws the signal's reason; XapiError for what waiting does not mend (no rights, refused password); xapi.bad_answer, too_large
 */
export async function* readEvents<C extends EventClassName>(
  context: EventContext,
  options: EventsOptions<C>,
): AsyncGenerator<XapiChanges<C>, void> {
  const reader = new EventReader(context, options)
  let failures = 0
  for (;;) {
    try {
      for await (const changes of reader.next()) {
        // Only these classes were asked for.
        yield changes as XapiChanges<C>
        failures = 0
      }
    } catch (error) {
      options.signal?.throwIfAborted()
      if (isLasting(error, failures)) throw error
      const pause = backoff(failures++, { base: 500, max: options.maxPause ?? 30_000, random: context.random })
      context.log.warn('reading events failed, trying again', { reason: messageOf(error), pause })
      options.onRetry?.(error, pause)
      await context.clock.sleep(pause, { signal: options.signal })
      reader.hurry()
    }
  }
}

class EventReader {
  readonly #call: EventCall
  readonly #options: EventsOptions
  readonly #known = new KnownObjects((name) => classOfEvent(name) ?? name)
  /** Classes whose counts the host itself does not get right. */
  readonly #uncounted = new Set<string>()
  #token: string
  #epoch = -1
  /** Seconds that the next answer may be held back. */
  #hold: number
  /** Why the next answer has to be complete. */
  #reset: ResetReason | undefined
  /** Whether `#known` is all there is; not so after beginning with a token. */
  #complete = false

  constructor({ call }: EventContext, options: EventsOptions) {
    this.#call = call
    this.#options = options
    this.#token = options.token ?? ''
    this.#hold = options.hold ?? 30
    this.#reset = this.#token === '' ? 'start' : undefined
  }

  /** The host does not hold the next answer back: after a failure the reader wants to know at once that it is over. */
  hurry(): void {
    this.#hold = 0
  }

  /** One answer of the host. */
  async *next(): AsyncGenerator<XapiChanges, void> {
    if (this.#reset) return yield* this.#readAll(this.#reset)
    try {
      yield* this.#poll()
    } catch (error) {
      this.#reset = resetReason(error)
      if (!this.#reset) throw error
    }
  }

  async *#readAll(reason: ResetReason): AsyncGenerator<XapiChanges, void> {
    yield { kind: 'reset', reason }
    this.#epoch = -1
    const classes = this.#classes
    const { tail, told } = yield* this.#readState(classes)
    if (told) yield* asChanges(this.#known.sweep(told))
    for (const name of this.#miscounted(tail)) this.#uncounted.add(name)
    this.#token = tail.token
    this.#reset = undefined
    this.#complete = true
    yield { kind: 'synced', token: tail.token }
  }

  async *#poll(): AsyncGenerator<XapiChanges, void> {
    const tail = yield* this.#read(this.#classes, this.#token)
    if (generationOf(tail.token) < generationOf(this.#token)) throw xapiErrors.token_refused({ token: this.#token })
    const lost = this.#miscounted(tail)
    if (lost.length > 0) yield* this.#readAgain(lost)
    this.#token = tail.token
    yield { kind: 'synced', token: this.#token }
  }

  /** Reads some classes anew. The token stays: a later batch has the objects as they are then, never older. */
  async *#readAgain(classes: readonly string[]): AsyncGenerator<XapiChanges, void> {
    const { tail, told } = yield* this.#readState(classes)
    if (told) yield* asChanges(this.#known.sweep(told, classes))
    for (const name of this.#miscounted(tail)) if (classes.includes(name)) this.#uncounted.add(name)
  }

  async *#readState(classes: readonly string[]) {
    // The first time, what is known afterwards is what was told.
    const told = this.#known.empty ? undefined : new Map<string, Set<string>>()
    const tail = yield* this.#read(classes, '', told)
    return { tail, told }
  }

  /**
   * One `event.from`, its events handed out as they come in.
   *
   * @param told gets the references of the events by class
   */
  async *#read(
    classes: readonly string[],
    token: string,
    told?: Map<string, Set<string>>,
  ): AsyncGenerator<XapiChanges, Tail> {
    const stop = new AbortController()
    const { signal } = this.#options
    // A host holds an answer without events back, and a class that lost its last object has none to tell.
    const hold = token === '' ? 0 : this.#hold
    const parts = new Channel<readonly XapiChange[]>(Infinity)
    let part: XapiChange[] = []
    // The event itself is garbage at once: kept for a part's time it would outlive the collector's first look.
    const onEntry = (_: unknown, event: unknown): void => {
      // Decoded by the type below.
      const change = this.#take(event as DecodedEvent, told)
      if (!change || part.push(change) < partSize) return
      void parts.push(part)
      part = []
    }
    const call = this.#call('event.from', [classes, token, hold], {
      session: true,
      poll: true,
      resultType: 'record:event_batch',
      onEntry,
      ...(this.#epoch < 0 ? {} : { epoch: this.#epoch }),
      // A complete answer takes as long as any other call.
      ...(token === '' ? {} : { timeout: hold * 1000 + answerMargin }),
      signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
    })
    const ended = endOf(call, (error) => {
      // What is known by now has to be told, whatever became of the rest.
      if (part.length > 0) void parts.push(part)
      parts.close(error)
    })
    try {
      for await (const changes of parts) yield { kind: 'changes', changes }
      await ended
      const { result, epoch } = await call
      this.#epoch = epoch
      this.#hold = this.#options.hold ?? 30
      return tailOf(result)
    } finally {
      stop.abort()
    }
  }

  #take(event: DecodedEvent, told: Map<string, Set<string>> | undefined): XapiChange | undefined {
    if (told) {
      const refs = told.get(event.class)
      if (refs) refs.add(event.ref)
      else told.set(event.class, new Set([event.ref]))
    }
    return this.#known.change(event)
  }

  /** Classes (lower case) of which the host has another number of objects than were told. */
  #miscounted({ counts }: Tail): string[] {
    if (!this.#complete && !this.#reset) return []
    const names = this.#options.classes?.map((name) => name.toLowerCase()) ?? Object.keys(counts)
    return names.filter((name) => {
      const count = Number(counts[name] ?? Number.NaN)
      return !Number.isNaN(count) && !this.#uncounted.has(name) && count !== this.#known.count(name)
    })
  }

  get #classes(): readonly string[] {
    return this.#options.classes ?? ['*']
  }
}

/** Tells when a call has ended, and how, without passing its failure on. */
async function endOf(call: Promise<unknown>, tell: (error?: unknown) => void): Promise<void> {
  try {
    await call
    tell()
  } catch (error) {
    tell(error)
  }
}

function* asChanges(changes: readonly XapiChange[]): Generator<XapiChanges, void> {
  if (changes.length > 0) yield { kind: 'changes', changes }
}

function tailOf(result: unknown): Tail {
  // The type asked for says so; a host that leaves the token out is not one that can be followed.
  const { token, valid_ref_counts: counts } = result as { token?: unknown; valid_ref_counts?: unknown }
  if (typeof token !== 'string')
    throw xapiErrors.bad_answer({ expected: 'a token', got: typeof token, at: 'event.from()' })
  return { token, counts: isRecord(counts) ? counts : {} }
}

/** `generation,message-generation`, both padded: compared as text up to the comma. */
function generationOf(token: string): string {
  return token.split(',', 1)[0]?.padStart(24, '0') ?? ''
}

function resetReason(error: unknown): ResetReason | undefined {
  if (isAppError(error, 'xapi.moved')) return 'new-session'
  if (isAppError(error, 'xapi.token_refused')) return 'token-refused'
  const refused = isXapiError(error, 'EVENT_FROM_TOKEN_PARSE_FAILURE') || isXapiError(error, 'EVENTS_LOST')
  return refused ? 'token-refused' : undefined
}

const transient = new Set(['HOST_IS_SLAVE', 'HOST_STILL_BOOTING', 'SESSION_INVALID', 'INTERNAL_ERROR'])

function isLasting(error: unknown, failures: number): boolean {
  if (isXapiError(error)) return !transient.has(error.code)
  if (!isAppError(error)) return true
  if (error.code === 'xapi.bad_answer' || error.code === 'xapi.too_large') return failures + 1 >= maxBadAnswers
  return error.code === 'xapi.bad_value' || error.code === 'xapi.closed'
}
