import * as fc from 'fast-check'
import { cpuTimeOf } from '@nixen/testkit/cpu-time'
import { describe, expect, test } from 'vitest'
import { maxSubject, regexMatcher } from './matcher.ts'

const atom = fc.constantFrom(
  'a',
  'b',
  'c',
  '.',
  '[ab]',
  '[^a]',
  '[a-c]',
  String.raw`\d`,
  String.raw`\w`,
  String.raw`\.`,
  '^',
  '$',
)
const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { depthSize: 'small' },
    atom,
    fc.array(tie('pattern'), { maxLength: 3 }).map((parts) => parts.join('')),
    fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(${a}|${b})`),
    fc
      .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '{1,}', '{0,2}', '*?'))
      .map(([a, times]) => `(?:${a})${times}`),
  ),
}))

test("finds what JavaScript's own matcher finds", () => {
  fc.assert(
    fc.property(
      pattern,
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'A', '1', '.', '\n'), maxLength: 10 }), {
        minLength: 5,
      }),
      fc.boolean(),
      (pattern, texts, ignoreCase) => {
        const ours = regexMatcher(pattern, ignoreCase)
        const theirs = new RegExp(pattern, ignoreCase ? 'i' : '')
        expect(texts.map(ours)).toEqual(texts.map((text) => theirs.test(text)))
      },
    ),
    { numRuns: 500 },
  )
})

describe('patterns that hang a backtracking matcher', () => {
  test.each(['(a+)+$', '(a|a)*$', '(a|aa)+$', '(.*a){12}$', '(a*)*b', '^(a?){50}a{50}$', '(x+x+)+y', '([a-z]+)*1'])(
    '%s',
    async (source) => {
      const matcher = regexMatcher(source, true)
      const cpuTime = await cpuTimeOf(() => {
        matcher(`${'a'.repeat(maxSubject - 1)}!`)
        matcher('x'.repeat(1_000_000))
      })
      expect(cpuTime).toBeLessThan(1000)
    },
  )
})

describe('what is not supported is refused at its character', () => {
  test.each([
    ['(?=a)', 0, 'ahead'],
    [String.raw`(a)\1`, 3, 'not supported'],
    [String.raw`\bweb`, 0, 'not supported'],
    ['a**', 2, 'twice'],
    ['*a', 0, 'nothing to repeat'],
    ['^*', 0, 'nothing to repeat'],
    ['(a', 0, 'closing bracket'],
    ['a)', 1, 'opening bracket'],
    ['[a', 0, 'closing "]"'],
    ['[z-a]', 1, 'backwards'],
    ['a{3,2}', 1, 'lower number'],
    ['a{1000}', 1, 'from 0 to 100'],
    ['((a{100}){100}){100}', 0, 'too much'],
    ['('.repeat(20), 17, 'too deep'],
    ['a'.repeat(300), 256, 'at most'],
    ['a\\', 1, 'missing after'],
  ])('%j', (source, offset, message) => {
    expect(() => regexMatcher(source, false)).toThrow(
      expect.objectContaining({ offset, message: expect.stringContaining(message) }),
    )
  })
})

test('a text longer than the limit is looked at up to it', () => {
  const text = `${'a'.repeat(maxSubject)}b`
  expect(regexMatcher('b', false)(text)).toBe(false)
  expect(regexMatcher('a$', false)(text)).toBe(false)
  expect(regexMatcher('^a', false)(text)).toBe(true)
})
