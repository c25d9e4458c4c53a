import type { CheckWish } from '@nixen/api'
import type { GuestSigns } from '@nixen/providers'

/** What was seen so far. Times are milliseconds since the start of the machine. */
export interface Watched {
  /** The start that the guest is in. */
  readonly boot?: string | undefined
  readonly restarts: number
  /** Since when it is as it should be, but for the time that it has to stay so. */
  readonly goodSince?: number | undefined
  /** What counts against it, for the sentence if nothing better comes. */
  readonly doubts: readonly string[]
}

export type Verdict =
  | { readonly kind: 'waiting'; readonly watched: Watched; readonly until: string }
  | { readonly kind: 'passed'; readonly watched: Watched; readonly after: number }
  | { readonly kind: 'failed'; readonly watched: Watched; readonly reason: string }

export const nothingSeen: Watched = { restarts: 0, doubts: [] }

/** A guest that restarts so often does not come up any more. Systems that have found new hardware restart once or twice. */
const mostRestarts = 3

type Wish = Pick<CheckWish, 'demand' | 'patience' | 'settle'>

/**
 * Judges a guest by one more look at it. Pure. Only what was seen since this start counts: an agent that speaks of an earlier one, an answer to
 * another challenge, and a machine that restarts are no signs of life. The verdict `passed` needs everything at the same time, from
 * `settle` before until now.
 */
export function judge(before: Watched, { signs, at }: { signs: GuestSigns; at: number }, wish: Wish): Verdict {
  const { boot, power, answer } = signs
  if (boot === undefined || power !== 'running') {
    const what = power === 'paused' ? 'stands still' : `is ${power}`
    return { kind: 'failed', watched: before, reason: `The machine ${what} ${after(at)} its start.` }
  }
  const restarted = before.boot !== undefined && boot !== before.boot
  const restarts = before.restarts + (restarted ? 1 : 0)
  if (restarts > mostRestarts) {
    return {
      kind: 'failed',
      watched: before,
      reason: `The machine restarts again and again, ${restarts} times so far.`,
    }
  }
  if (answer && !answer.passed) {
    const said = answer.text === '' ? 'without a reason' : `"${answer.text}"`
    return {
      kind: 'failed',
      watched: { ...before, boot, restarts },
      reason: `The script in the guest says failed: ${said}`,
    }
  }
  const missing = missingSign(signs, wish.demand)
  const goodSince = missing === undefined ? (restarted ? at : (before.goodSince ?? at)) : undefined
  const watched: Watched = { boot, restarts, goodSince, doubts: doubtsOf(before.doubts, signs) }
  if (goodSince !== undefined && at - goodSince >= wish.settle) return { kind: 'passed', watched, after: goodSince }
  if (at >= wish.patience) return { kind: 'failed', watched, reason: tooLate(watched, missing, wish) }
  return { kind: 'waiting', watched, until: missing ?? 'it to stay so' }
}

/** What is still to come, as an object of "waiting for". */
function missingSign({ agent, answer }: GuestSigns, demand: Wish['demand']): string | undefined {
  if (demand === 'running') return undefined
  if (agent.state !== 'up') return 'the guest agent'
  return demand === 'script' && !answer ? 'the script in the guest' : undefined
}

function doubtsOf(before: readonly string[], { agent, strangeAnswer }: GuestSigns): readonly string[] {
  const doubts = new Set(before)
  if (agent.state === 'stale') doubts.add(`The guest agent is not believed: ${agent.reason}.`)
  if (strangeAnswer) doubts.add('The guest holds an answer that is not to the question of this check.')
  return doubts.size === before.length ? before : [...doubts]
}

function tooLate({ doubts, restarts }: Watched, missing: string | undefined, { patience }: Wish): string {
  const what = missing === undefined ? 'It did not stay as it should be' : `There was no sign of ${missing}`
  const often = restarts > 0 ? ` It restarted ${restarts} times.` : ''
  const hint =
    missing === 'the guest agent' && doubts.length === 0
      ? ' It may not have booted (see the picture), or has no guest agent.'
      : ''
  return [`${what} within ${Math.round(patience / 1000)} s of the start.${often}${hint}`, ...doubts].join(' ')
}

function after(ms: number): string {
  return ms < 1000 ? 'right after' : `${Math.round(ms / 1000)} s after`
}
