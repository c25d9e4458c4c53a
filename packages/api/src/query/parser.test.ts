import * as fc from 'fast-check'
import { cpuTimeOf } from '@nixen/testkit/cpu-time'
import { describe, expect, test } from 'vitest'
import type { Query, Value } from './ast.ts'
import { parseQuery } from './parser.ts'
import { printQuery, printText } from './printer.ts'

const at = { offset: 0, length: 0 }

/** A query without its positions. */
function bare(query: Query): unknown {
  return JSON.parse(JSON.stringify(query, (key, value: unknown) => (key === 'at' ? undefined : value)))
}

function parsed(text: string): Query {
  const result = parseQuery(text)
  if (!result.ok) throw new Error(`${text}: ${result.problem.message}`)
  return result.query
}

const word = fc.stringMatching(/^[a-zA-Z0-9*._-]{1,12}$/).filter((text) => !/^(and|or|not)$/i.test(text))
const value: fc.Arbitrary<Value> = fc.oneof(
  word.map((text): Value => ({ kind: 'word', text, at })),
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text): Value => ({ kind: 'quoted', text, at })),
  fc
    .tuple(fc.stringMatching(/^[a-z0-9.()[\]|+ -]{0,12}$/), fc.boolean())
    .filter(([source]) => !source.includes('['))
    .map(([source, ignoreCase]): Value => ({ kind: 'regex', source, ignoreCase, at })),
)
const term: fc.Arbitrary<Query> = fc.oneof(
  value.map((value): Query => ({ kind: 'term', operator: ':', values: [value], at })),
  fc
    .record({
      name: fc.stringMatching(/^[a-z][a-zA-Z0-9._-]{0,8}$/),
      operator: fc.constantFrom(':', '=', '<', '<=', '>', '>=' as const),
      values: fc.array(value, { minLength: 1, maxLength: 3 }),
    })
    .map(({ name, operator, values }): Query => ({ kind: 'term', field: { name, at }, operator, values, at })),
)
const { query } = fc.letrec<{ query: Query }>((tie) => ({
  query: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    term,
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      of: fc.array(tie('query'), { minLength: 2, maxLength: 3 }),
    }),
    tie('query').map((of): Query => ({ kind: 'not', of })),
  ),
}))

test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('%s is a word like any other', (text) => {
  expect(bare(parsed(text))).toMatchObject({ kind: 'term', values: [{ kind: 'word', text }] })
})

test('what is printed parses to the same query', () => {
  fc.assert(
    fc.property(query, (query) => {
      expect(bare(parsed(printQuery(query)))).toEqual(bare(query))
    }),
  )
})

test('any text put in by completion is found as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), (text) => {
      const query = parsed(`name:${printText(text)}`)
      expect(bare(query)).toMatchObject({ values: [{ text }] })
    }),
  )
})

test('any text at all gives a query or a problem inside it, never an exception', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...Array.from('ab:()!"/\\<>=,*. or not')), maxLength: 60 }),
      (text) => {
        const result = parseQuery(text)
        const end = result.ok ? 0 : result.problem.offset + result.problem.length
        expect(end).toBeLessThanOrEqual(text.length)
        expect(result.ok ? printQuery(parsed(printQuery(result.query))) : '').toBe(
          result.ok ? printQuery(result.query) : '',
        )
      },
    ),
    { numRuns: 500 },
  )
})

describe('what is written', () => {
  test.each([
    ['', ''],
    ['  a   b ', 'a b'],
    ['a and b AND c', 'a b c'],
    ['a OR b c', 'a or b c'],
    ['(a or b) c', '(a or b) c'],
    ['not a', '!a'],
    ['!(a b)', '!(a b)'],
    ['((a))', 'a'],
    ['power:running,paused', 'power:running,paused'],
    ['memory:>=8GiB', 'memory:>=8GiB'],
    ['name:"a \\"b\\" c"', 'name:"a \\"b\\" c"'],
    ['name:/a b(c|[/)])/i', 'name:/a b(c|[/)])/i'],
    ['10:30', '10:30'],
    ['ip:fe80::1', 'ip:fe80::1'],
    ['a,b', 'a,b'],
    ['android oregon', 'android oregon'],
    ['"or"', '"or"'],
  ])('%j is printed as %j', (text, printed) => expect(printQuery(parsed(text))).toBe(printed))
})

describe('a problem points at its character', () => {
  test.each([
    ['(a b', 0, 1, 'closing bracket'],
    ['a b)', 3, 1, 'no opening bracket'],
    ['a or', 4, 0, 'missing at the end'],
    ['or a', 0, 2, 'missing before "or"'],
    ['a and and b', 6, 3, 'missing before "and"'],
    ['()', 1, 1, 'missing before ")"'],
    ['!', 1, 0, 'missing at the end'],
    ['name:', 5, 0, 'value is missing'],
    ['name:a,', 7, 0, 'value is missing'],
    ['name: a', 5, 1, 'value is missing'],
    ['name:(a or b)', 5, 1, 'with commas'],
    ['name:"abc', 5, 4, 'closing quote'],
    ['name:/abc', 5, 4, 'closing slash'],
    ['"a"b', 3, 1, 'space is missing'],
    ['name:/a/x', 8, 1, 'space is missing'],
  ])('%j at %i', (text, offset, length, message) => {
    const result = parseQuery(text)
    expect(result).toMatchObject({ ok: false, problem: { offset, length } })
    expect(result.ok ? '' : result.problem.message).toContain(message)
  })
})

describe('hostile text is refused at once', () => {
  test.each([
    ['1 MB of letters', 'a'.repeat(1_000_000)],
    ['1 MB of brackets', '('.repeat(1_000_000)],
    ['as many brackets as fit', '('.repeat(4096)],
    ['as many nots as fit', '!'.repeat(4096)],
    ['quotes', '"\\'.repeat(2048)],
    ['a regex that never ends', `/${'[('.repeat(2047)}`],
  ])('%s', async (_, text) => {
    const cpuTime = await cpuTimeOf(() => expect(parseQuery(text).ok).toBe(false))
    expect(cpuTime).toBeLessThan(200)
  })

  test('as many conditions as fit are parsed', () => {
    const query = parsed('a '.repeat(2048))
    expect(query.kind === 'and' && query.of.length).toBe(2048)
  })
})
