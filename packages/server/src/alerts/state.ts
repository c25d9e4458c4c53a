import type { Alert } from '@nixen/api'

/**
 * What an object shows: the condition holds, or it does not; between the two thresholds nothing changes; when it cannot be known (a host
 * that is not reached) nothing changes either.
 */
export type Reading = 'on' | 'off' | 'between' | 'unknown'

/** What is remembered of an object while an alert has to do with it; absent while all is well. */
export interface AlertState {
  readonly on: string
  readonly onName: string
  /** `over`: it has ended, and who was told of it is not told yet that it has. */
  readonly phase: 'pending' | 'firing' | 'clearing' | 'over'
  /** When the phase began. */
  readonly since: number
  /** When it began to count. */
  readonly fired?: number | undefined
  /** When somebody was told last. */
  readonly told?: number | undefined
  /** The object is not there any more. */
  readonly gone?: boolean | undefined
  /** For people, as it was last told or, before, as it began. */
  readonly message: string
  readonly value: string
}

/** What an object is seen to be. */
export interface Seen {
  readonly on: string
  readonly onName: string
  readonly reading: Reading
  readonly message: string
  readonly value: string
}

export type Timing = Pick<Alert, 'for' | 'clearFor'>

/**
 * The state after an object was seen. `for` and `clearFor` are the least times on and off; in between nothing begins or ends, so that a
 * value that swings around its threshold is one alert. Pure.
 */
export function advance(
  timing: Timing,
  before: AlertState | undefined,
  seen: Seen,
  now: number,
): AlertState | undefined {
  const { on, onName, reading, message, value } = seen
  if (reading === 'unknown') return before
  const { told } = before ?? {}
  switch (before?.phase) {
    case undefined:
    case 'over': {
      if (reading !== 'on') return before
      const begun = { on, onName, message, value, since: now, ...(told === undefined ? {} : { told }) }
      return timing.for > 0 ? { ...begun, phase: 'pending' } : { ...begun, phase: 'firing', fired: now }
    }
    case 'pending':
      // A value between the thresholds is not above: it begins anew. One that was told keeps its end to be told.
      if (reading !== 'on') return told === undefined ? undefined : { ...before, phase: 'over', since: now }
      if (now - before.since < timing.for) return before
      return { ...before, onName, message, value, phase: 'firing', since: now, fired: now }
    case 'firing':
      // Its value is written down when it is told: not each minute.
      if (reading !== 'off') return before
      return timing.clearFor > 0 ? { ...before, phase: 'clearing', since: now } : ended(before, now)
    case 'clearing':
      if (reading === 'on') return { ...before, phase: 'firing', since: before.fired ?? now }
      return now - before.since < timing.clearFor ? before : ended(before, now)
  }
}

function ended(before: AlertState, now: number): AlertState | undefined {
  return before.told === undefined ? undefined : { ...before, phase: 'over', since: now }
}

export type Telling = Pick<Alert, 'repeat' | 'onClear'>
/** What people have to be told of an object. */
export type Word = 'alert' | 'reminder' | 'clear'

/** What is to be told now, if anything; nothing while it is silenced, and then what is still so. Pure. */
export function wordFor(
  { repeat, onClear }: Telling,
  { phase, told }: AlertState,
  at: { readonly now: number; readonly silenced: boolean },
): Word | undefined {
  if (at.silenced || phase === 'pending') return undefined
  if (phase === 'over') return onClear ? 'clear' : undefined
  if (told === undefined) return phase === 'firing' ? 'alert' : undefined
  return phase === 'firing' && repeat !== undefined && at.now - told >= repeat ? 'reminder' : undefined
}
