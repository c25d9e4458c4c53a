import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { listObjects } from './list-objects.ts'
import { compareNatural } from './natural.ts'

interface Thing {
  readonly id: string
  readonly name: string
  readonly vcpus?: number
  readonly power: string
  readonly tags: readonly string[]
}
const thing = fc.record(
  {
    id: fc.stringMatching(/^vm\.c\.[a-z0-9]{6}$/),
    name: fc.stringMatching(/^[a-zA-B]{0,2}[0-9]{0,3}$/),
    vcpus: fc.nat(4),
    power: fc.constantFrom('running', 'halted'),
    tags: fc.constant([]),
  },
  { requiredKeys: ['id', 'name', 'power', 'tags'] },
)
const things = fc.uniqueArray(thing, { selector: ({ id }) => id, maxLength: 40 })
const sorts = fc.constantFrom(undefined, '-name', 'vcpus', '-vcpus,name', 'power,-vcpus')
const now = 0

/** All pages of a list, one after another. */
function allPages(
  items: readonly Thing[],
  { sort, limit }: { sort: string | undefined; limit: number },
): readonly Thing[] {
  const found: Thing[] = []
  let cursor: string | undefined
  do {
    const page = listObjects('vm', items, { sort, limit, cursor, now })
    found.push(...page.items)
    cursor = page.next
  } while (cursor !== undefined)
  return found
}

test('the pages together are the whole list in order, each object once', () => {
  fc.assert(
    fc.property(things, sorts, fc.integer({ min: 1, max: 9 }), (items, sort, limit) => {
      const whole = listObjects('vm', items, { sort, limit: 1000, now })
      expect(whole.total).toBe(items.length)
      expect(allPages(items, { sort, limit })).toEqual(whole.items)
      expect(listObjects('vm', items.toReversed(), { sort, limit: 1000, now }).items).toEqual(whole.items)
    }),
  )
})

test('an object that stays is given once while others come and go between two pages', () => {
  fc.assert(
    fc.property(things, things, fc.integer({ min: 1, max: 5 }), (staying, changing, limit) => {
      const others = changing.filter(({ id }) => !staying.some((other) => other.id === id))
      const first = listObjects('vm', [...staying, ...others], { limit, now })
      const rest =
        first.next === undefined ? [] : listObjects('vm', staying, { limit: 1000, cursor: first.next, now }).items
      const seen = [...first.items, ...rest].filter(({ id }) => staying.some((other) => other.id === id))
      expect(seen.map(({ id }) => id).toSorted()).toEqual(staying.map(({ id }) => id).toSorted())
    }),
  )
})

test('what is not known goes last in either direction', () => {
  const items = [
    { id: 'a', name: 'a', vcpus: 1 },
    { id: 'b', name: 'b' },
    { id: 'c', name: 'c', vcpus: 2 },
  ]
  const ids = (sort: string) => listObjects('vm', items, { sort, limit: 10, now }).items.map(({ id }) => id)
  expect([ids('vcpus'), ids('-vcpus')]).toEqual([
    ['a', 'c', 'b'],
    ['c', 'a', 'b'],
  ])
})

test('words go by their declared order, ids by the name behind them', () => {
  const items = [
    { id: '1', name: 'x', power: 'halted', host: 'host.c.1' },
    { id: '2', name: 'x', power: 'running', host: 'host.c.2' },
  ]
  const options = { limit: 10, now, nameOf: (id: string) => (id === 'host.c.1' ? 'xen-10' : 'xen-9') }
  expect(listObjects('vm', items, { ...options, sort: 'power' }).items.map(({ id }) => id)).toEqual(['2', '1'])
  expect(listObjects('vm', items, { ...options, sort: 'host' }).items.map(({ id }) => id)).toEqual(['2', '1'])
})

test.each<[object, string]>([
  [{ sort: 'memmory' }, 'query.bad_sort'],
  [{ sort: 'drives' }, 'query.bad_sort'],
  [{ q: 'powr:x' }, 'query.invalid'],
  [{ cursor: 'x' }, 'query.bad_cursor'],
  [{ cursor: '!' }, 'query.bad_cursor'],
  [{ cursor: 'WzEsMiwzXQ' }, 'query.bad_cursor'],
])('%j is refused with %s', (query, code) => {
  expect(() => listObjects('vm', [], { limit: 10, now, ...query })).toThrow(
    expect.objectContaining({ code, status: 400 }),
  )
})

test('a cursor of another query or order is refused, also with a name of 2 MB in it', () => {
  const items = ['a', 'b', 'c'].map((id) => ({ id, name: id.repeat(2_000_000) }))
  const { next } = listObjects('vm', items, { limit: 1, now })
  expect(next?.length).toBeLessThan(500)
  expect(listObjects('vm', items, { limit: 1, now, cursor: next }).items[0]?.id).toBe('b')
  expect(() => listObjects('vm', items, { limit: 1, now, cursor: next, sort: '-name' })).toThrow('cursor')
  expect(() => listObjects('vm', items, { limit: 1, now, cursor: next, q: 'a' })).toThrow('cursor')
})

describe('names in natural order', () => {
  test.each([
    ['web-2', 'web-10'],
    ['Web-2', 'web-10'],
    ['web', 'web-1'],
    ['a1b2', 'a1b10'],
    ['web-01', 'web-2'],
    ['', 'a'],
    ['9'.repeat(30), `1${'0'.repeat(30)}`],
  ])('%s comes before %s', (a, b) =>
    expect([Math.sign(compareNatural(a, b)), Math.sign(compareNatural(b, a))]).toEqual([-1, 1]),
  )

  test('is a total order', () => {
    const text = fc.stringMatching(/^[a01B]{0,5}$/)
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        expect(Math.sign(compareNatural(a, b)) + Math.sign(compareNatural(b, a))).toBe(0)
        expect(compareNatural(a, b) === 0).toBe(a === b)
        const sorted = [a, b, c].toSorted(compareNatural)
        expect(compareNatural(sorted[0]!, sorted[2]!)).toBeLessThanOrEqual(0)
      }),
    )
  })
})
