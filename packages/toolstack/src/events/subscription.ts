import { fault } from '../errors.ts'

/** What a caller of `event.from` asked for. */
export interface Subscription {
  /** Whether rows of a class (in lower case) may be wanted, and this one is. */
  matches(lower: string, ref: string): boolean
  /** Only tasks: such callers are answered sooner. */
  readonly tasksOnly: boolean
}

/** Reads `*`, `vm`, `vm/OpaqueRef:…`; unknown classes match nothing. */
export function parseSubscription(classes: readonly string[]): Subscription {
  let everything = false
  const whole = new Set<string>()
  const single = new Map<string, Set<string>>()
  for (const text of classes) {
    const match = /^(\*|\w+)(?:\/(.+))?$/.exec(text)
    if (!match || (match[1] === '*' && match[2])) throw fault('EVENT_SUBSCRIPTION_PARSE_FAILURE', text)
    const lower = (match[1] ?? '').toLowerCase()
    if (lower === '*') everything = true
    else if (match[2] === undefined) whole.add(lower)
    else single.set(lower, (single.get(lower) ?? new Set()).add(match[2]))
  }
  return {
    matches: (lower, ref) => everything || whole.has(lower) || (single.get(lower)?.has(ref) ?? false),
    tasksOnly: !everything && [...whole, ...single.keys()].every((lower) => lower === 'task'),
  }
}

/** Where a reader is: the generation of rows and of messages it has seen. */
export interface EventToken {
  readonly rows: number
  readonly messages: number
}

/** Reads `generation,message-generation`; the empty text is the beginning. */
export function parseToken(text: string): EventToken {
  if (text === '') return { rows: 0, messages: 0 }
  const match = /^(\d{1,20}),(\d{1,20})$/.exec(text)
  if (!match) throw fault('EVENT_FROM_TOKEN_PARSE_FAILURE', text)
  return { rows: Number(match[1]), messages: Number(match[2]) }
}

/** Twenty digits each, so that tokens compare as texts. */
export function formatToken({ rows, messages }: EventToken): string {
  return `${String(rows).padStart(20, '0')},${String(messages).padStart(20, '0')}`
}
