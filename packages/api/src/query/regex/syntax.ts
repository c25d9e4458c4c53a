// Regular expressions as data: literals, classes, groups, alternatives, repetition, ^ and $. What would need backtracking (backreferences,
// looking around) is refused, so that matching takes time in proportion to the text, whatever the pattern.

/** Letters from `from` to `to`, UTF-16 code units, both included. */
export type Range = readonly [from: number, to: number]

export type Node =
  | { readonly kind: 'letters'; readonly ranges: readonly Range[]; readonly negated: boolean }
  | { readonly kind: 'sequence'; readonly of: readonly Node[] }
  | { readonly kind: 'choice'; readonly of: readonly Node[] }
  | { readonly kind: 'repeat'; readonly of: Node; readonly least: number; readonly most: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }

/** What is wrong with a pattern, and at which of its characters. */
export class RegexFault extends Error {
  readonly offset: number
  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

/** No pattern is longer, nests deeper, or repeats more often. */
export const regexLimits = { length: 256, depth: 16, repeat: 100 } as const

const digits: readonly Range[] = [[48, 57]]
const wordLetters: readonly Range[] = [...digits, [65, 90], [95, 95], [97, 122]]
const spaces: readonly Range[] = [
  [9, 13],
  [32, 32],
  [160, 160],
  [0x2028, 0x2029],
  [0xfeff, 0xfeff],
]
const classes: Readonly<Record<string, readonly Range[]>> = { d: digits, w: wordLetters, s: spaces }
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0 }

/** Parses a pattern. Throws a {@link RegexFault}. */
export function parseRegex(source: string): Node {
  if (source.length > regexLimits.length) {
    throw new RegexFault(`A regular expression has at most ${regexLimits.length} letters.`, regexLimits.length)
  }
  const reader = new Reader(source)
  const node = reader.choice(0)
  if (!reader.done) throw new RegexFault('There is no opening bracket for this one.', reader.offset)
  return node
}

class Reader {
  readonly #source: string
  offset = 0

  constructor(source: string) {
    this.#source = source
  }

  get done(): boolean {
    return this.offset >= this.#source.length
  }

  choice(depth: number): Node {
    if (depth > regexLimits.depth) throw new RegexFault('Brackets are nested too deep.', this.offset)
    const of = [this.#sequence(depth)]
    while (this.#take('|')) of.push(this.#sequence(depth))
    return one(of) ?? { kind: 'choice', of }
  }

  #sequence(depth: number): Node {
    const of: Node[] = []
    while (!this.done && this.#peek() !== '|' && this.#peek() !== ')') of.push(this.#repeated(depth))
    return one(of) ?? { kind: 'sequence', of }
  }

  #repeated(depth: number): Node {
    const begin = this.offset
    const of = this.#atom(depth)
    const times = this.#times()
    if (!times) return of
    if (this.#source[begin] === '^' || this.#source[begin] === '$')
      throw new RegexFault('There is nothing to repeat.', begin)
    this.#take('?')
    if (/^[*+?{]/.test(this.#peek())) throw new RegexFault('Something is repeated twice.', this.offset)
    return { kind: 'repeat', of, least: times[0], most: times[1] }
  }

  #times(): readonly [least: number, most: number] | undefined {
    if (this.#take('*')) return [0, Infinity]
    if (this.#take('+')) return [1, Infinity]
    if (this.#take('?')) return [0, 1]
    const braces = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#source.slice(this.offset, this.offset + 12))
    if (!braces) return undefined
    const least = Number(braces[1])
    const most = braces[2] === undefined ? least : braces[3] === '' ? Infinity : Number(braces[3])
    const bounded = Math.max(least, most === Infinity ? 0 : most)
    if (most < least || bounded > regexLimits.repeat) {
      throw new RegexFault(`Repeat from 0 to ${regexLimits.repeat} times, the lower number first.`, this.offset)
    }
    this.offset += braces[0].length
    return [least, most]
  }

  #atom(depth: number): Node {
    const offset = this.offset
    const letter = this.#peek()
    this.offset++
    if (letter === '(') return this.#group(depth, offset)
    if (letter === '[') return this.#class(offset)
    if (letter === '\\') return this.#escape(offset)
    if (letter === '.')
      return {
        kind: 'letters',
        ranges: [
          [10, 10],
          [13, 13],
          [0x2028, 0x2029],
        ],
        negated: true,
      }
    if (letter === '^') return { kind: 'start' }
    if (letter === '$') return { kind: 'end' }
    if (letter === '*' || letter === '+' || letter === '?') throw new RegexFault('There is nothing to repeat.', offset)
    return letters(letter.charCodeAt(0))
  }

  #group(depth: number, open: number): Node {
    if (this.#take('?') && !this.#take(':')) {
      throw new RegexFault('Looking ahead or behind and named groups are not supported.', open)
    }
    const node = this.choice(depth + 1)
    if (!this.#take(')')) throw new RegexFault('The closing bracket for this one is missing.', open)
    return node
  }

  #escape(offset: number): Node {
    const letter = this.#peek()
    this.offset++
    if (letter === '') throw new RegexFault('A letter is missing after the backslash.', offset)
    const ranges = classes[letter.toLowerCase()]
    if (ranges) return { kind: 'letters', ranges, negated: letter !== letter.toLowerCase() }
    if (/[1-9bBkpPux]/.test(letter)) throw new RegexFault(`\\${letter} is not supported.`, offset)
    return letters(controls[letter] ?? letter.charCodeAt(0))
  }

  #class(open: number): Node {
    const negated = this.#take('^')
    const ranges: Range[] = []
    while (!this.#take(']')) {
      if (this.done) throw new RegexFault('The closing "]" for this one is missing.', open)
      ranges.push(...this.#classItem())
    }
    return { kind: 'letters', ranges, negated }
  }

  #classItem(): readonly Range[] {
    const begin = this.offset
    const first = this.#classLetter()
    if (typeof first !== 'number') return first
    const next = this.#source[this.offset + 1]
    if (this.#peek() !== '-' || next === ']' || next === undefined) return [[first, first]]
    this.offset++
    const last = this.#classLetter()
    if (typeof last !== 'number' || last < first) throw new RegexFault('The range goes backwards.', begin)
    return [[first, last]]
  }

  #classLetter(): number | readonly Range[] {
    const offset = this.offset
    const letter = this.#peek()
    this.offset++
    if (letter !== '\\') return letter.charCodeAt(0)
    const node = this.#escape(offset)
    if (node.kind !== 'letters') throw new RegexFault('Not a letter.', offset)
    if (node.negated) return invert(node.ranges)
    const [only] = node.ranges
    return node.ranges.length === 1 && only && only[0] === only[1] ? only[0] : node.ranges
  }

  #peek(): string {
    return this.#source.charAt(this.offset)
  }

  #take(letter: string): boolean {
    if (this.#peek() !== letter || this.done) return false
    this.offset++
    return true
  }
}

function letters(code: number): Node {
  return { kind: 'letters', ranges: [[code, code]], negated: false }
}

function one(of: readonly Node[]): Node | undefined {
  return of.length === 1 ? of[0] : undefined
}

/** All other letters; `ranges` are in order and apart. */
function invert(ranges: readonly Range[]): readonly Range[] {
  const rest: Range[] = []
  let next = 0
  for (const [from, to] of ranges) {
    if (from > next) rest.push([next, from - 1])
    next = to + 1
  }
  return next <= 0xffff ? [...rest, [next, 0xffff]] : rest
}
