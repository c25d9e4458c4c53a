import type { Value } from './ast.ts'
import { QueryFault } from './lexer.ts'
import { regexMatcher } from './regex/matcher.ts'
import { RegexFault } from './regex/syntax.ts'

/** Whether a text is what was asked for. */
export type TextTest = (text: string) => boolean

/** Letters that mean something in a JavaScript pattern. */
const special = /[.*+?^${}()|[\]\\]/g

/**
 * Makes the test of a value. A word with `*` and, when `whole`, any word must be the whole text; otherwise a part of it is
 * enough. Upper and lower case are the same, except in a regular expression without `i`.
 */
export function textTest(value: Value, whole: boolean): TextTest {
  if (value.kind === 'regex') return regexTest(value)
  if (value.kind === 'word' && value.text.includes('*')) return globTest(value.text)
  // A pattern without any repetition: takes time in proportion to the text.
  const pattern = new RegExp(whole ? `^${escape(value.text)}$` : escape(value.text), 'i')
  return (text) => pattern.test(text)
}

function regexTest(value: Value & { readonly kind: 'regex' }): TextTest {
  try {
    return regexMatcher(value.source, value.ignoreCase)
  } catch (error) {
    if (!(error instanceof RegexFault)) throw error
    const offset = Math.min(value.at.offset + 1 + error.offset, value.at.offset + value.at.length - 1)
    throw new QueryFault({ offset, length: 1, message: error.message })
  }
}

/** `web-*-01`: the pieces must come one after another, the first at the start and the last at the end. Never goes back. */
function globTest(glob: string): TextTest {
  const pieces = glob.toLowerCase().split(/\*+/)
  const first = pieces[0] ?? ''
  const last = pieces.at(-1) ?? ''
  const middle = pieces.slice(1, -1)
  if (middle.length === 0) {
    // One star: nothing to go back to but its one end.
    const pattern = new RegExp(`^${escape(first)}[^]*${escape(last)}$`, 'i')
    return (text) => pattern.test(text)
  }
  return (text) => {
    const lower = text.toLowerCase()
    if (lower.length < first.length + last.length || !lower.startsWith(first) || !lower.endsWith(last)) return false
    let at = first.length
    for (const piece of middle) {
      const found = lower.indexOf(piece, at)
      if (found < 0) return false
      at = found + piece.length
    }
    return at <= lower.length - last.length
  }
}

function escape(text: string): string {
  return text.replaceAll(special, String.raw`\$&`)
}
