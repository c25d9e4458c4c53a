import { compileRegex, type Step } from './program.ts'
import { parseRegex } from './syntax.ts'

/** Texts are looked at up to this many letters. */
export const maxSubject = 4096
/** States that are remembered; beyond that the matcher forgets all and begins anew. */
const maxStates = 1000

/** Where the matcher can be, all at once: steps that take a letter or wait for the end. */
interface State {
  readonly at: readonly number[]
  readonly matched: boolean
  readonly matchesAtEnd: boolean
  readonly next: Map<number, State>
}

/**
 * Makes a test for whether a pattern is somewhere in a text. Time is in proportion to the length of the text: all ways are
 * followed at once, and what was found out is remembered (a DFA made as it is needed). Throws a `RegexFault` on a bad pattern.
 */
export function regexMatcher(source: string, ignoreCase: boolean): (text: string) => boolean {
  const automaton = new Automaton(compileRegex(parseRegex(source)), ignoreCase)
  return (text) => automaton.test(text)
}

class Automaton {
  readonly #steps: readonly Step[]
  readonly #ignoreCase: boolean
  readonly #states = new Map<string, State>()
  readonly #first: State

  constructor(steps: readonly Step[], ignoreCase: boolean) {
    this.#steps = steps
    this.#ignoreCase = ignoreCase
    this.#first = this.#stateOf([0], true)
  }

  test(text: string): boolean {
    let state = this.#first
    const length = Math.min(text.length, maxSubject)
    for (let i = 0; i < length; i++) {
      if (state.matched) return true
      const code = text.charCodeAt(i)
      let next = state.next.get(code)
      if (!next) {
        next = this.#follow(state, code)
        state.next.set(code, next)
      }
      state = next
    }
    return state.matched || (length === text.length && state.matchesAtEnd)
  }

  #follow(state: State, code: number): State {
    const to: number[] = []
    for (const at of state.at) {
      const step = this.#steps[at]
      if (step?.kind === 'letters' && this.#takes(step, code)) to.push(at + 1)
    }
    // A match may also begin at the next letter.
    to.push(0)
    return this.#stateOf(to, false)
  }

  #stateOf(from: readonly number[], atStart: boolean): State {
    const here = this.#reach(from, { start: atStart, end: false })
    const at = here.filter((step) => this.#steps[step]?.kind !== 'match').toSorted((a, b) => a - b)
    const key = `${atStart ? '^' : ''}${here.length}:${at.join()}`
    const known = this.#states.get(key)
    if (known) return known
    const done = (reached: readonly number[]): boolean => reached.includes(this.#steps.length - 1)
    const state: State = {
      at,
      matched: done(here),
      matchesAtEnd: done(this.#reach(from, { start: atStart, end: true })),
      next: new Map(),
    }
    if (this.#states.size >= maxStates) {
      for (const old of this.#states.values()) old.next.clear()
      this.#states.clear()
    }
    this.#states.set(key, state)
    return state
  }

  /** All steps that can be reached without taking a letter, that take one, wait for the end or are the match. */
  #reach(from: readonly number[], where: { readonly start: boolean; readonly end: boolean }): readonly number[] {
    const seen = new Set<number>()
    const found: number[] = []
    const todo = [...from]
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      if (seen.has(at)) continue
      seen.add(at)
      const step = this.#steps[at]
      if (step?.kind === 'split') todo.push(step.one, step.other)
      else if (step?.kind === 'start') {
        if (where.start) todo.push(at + 1)
      } else if (step?.kind === 'end' && where.end) todo.push(at + 1)
      else found.push(at)
    }
    return found
  }

  #takes({ ranges, negated }: Step & { readonly kind: 'letters' }, code: number): boolean {
    const inside = this.#codes(code).some((one) => ranges.some(([from, to]) => one >= from && one <= to))
    return inside !== negated
  }

  #codes(code: number): readonly number[] {
    if (!this.#ignoreCase) return [code]
    const letter = String.fromCharCode(code)
    return [code, letter.toLowerCase().charCodeAt(0), letter.toUpperCase().charCodeAt(0)]
  }
}
