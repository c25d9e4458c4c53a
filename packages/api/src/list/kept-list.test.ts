import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keepList, listObjects, outsideOfList } from './list-objects.ts'

const now = 1_000_000

interface Thing {
  readonly id: string
  readonly name: string
  readonly power: string
  readonly memory?: number
  readonly tags: readonly string[]
}

const thing: fc.Arbitrary<Thing> = fc.record(
  {
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
    name: fc.constantFrom('web-1', 'web-2', 'web-10', 'Web-2', 'db', ''),
    power: fc.constantFrom('running', 'halted', 'paused'),
    memory: fc.integer({ min: 0, max: 3 }),
    tags: fc.subarray(['prod', 'dev']),
  },
  { requiredKeys: ['id', 'name', 'power', 'tags'] },
)
/** An object comes or is replaced; without `power` it goes. */
const change = fc.tuple(thing, fc.boolean())
const question = fc.record({
  q: fc.constantFrom('', 'power:running', 'tag:prod', 'web', '!has:memory', 'power:running or tag:dev'),
  sort: fc.constantFrom('name', '-name', '-memory,name', 'memory,-power', 'tags', 'power,-tags,memory'),
})

test('a kept list gives the pages of one that is made anew, whatever has changed', () => {
  fc.assert(
    fc.property(fc.array(thing), fc.array(change), question, (before, changes, asked) => {
      const objects = new Map(before.map((object) => [object.id, object]))
      const kept = keepList('vm', objects.values(), { ...asked, now })
      for (const [object, stays] of changes) {
        kept.change(objects.get(object.id), stays ? object : undefined)
        if (stays) objects.set(object.id, object)
        else objects.delete(object.id)
      }
      for (let cursor: string | undefined, pages = 0; pages < 5; pages++) {
        const page = kept.page({ limit: 2, cursor })
        expect(page).toEqual(listObjects('vm', objects.values(), { ...asked, limit: 2, cursor, now }))
        cursor = page.next
        if (cursor === undefined) break
      }
    }),
  )
})

test('a kept list refuses the cursor of another one', () => {
  const items = ['a', 'b', 'c'].map((id) => ({ id, name: id }))
  const { next } = listObjects('vm', items, { limit: 1, now })
  const other = keepList('vm', items, { sort: '-name', now })
  expect(() => other.page({ limit: 1, cursor: next })).toThrow(expect.objectContaining({ code: 'query.bad_cursor' }))
})

test.each<[string, string | undefined, { time: boolean; names: boolean }]>([
  ['power:running memory:>8GiB web', '-memory,name', { time: false, names: false }],
  ['!(host:xen-1 or tag:prod)', undefined, { time: false, names: true }],
  ['', 'host', { time: false, names: true }],
  ['uptime:>7d', undefined, { time: true, names: false }],
  ['has:memory', '-uptime', { time: true, names: false }],
  ['created:<7d', undefined, { time: true, names: false }],
  ['', '-created', { time: false, names: false }],
])('the list of %j by %j looks outside its objects: %j', (q, sort, outside) => {
  expect(outsideOfList('vm', { q, sort })).toEqual(outside)
})

test('a query with a mistake is refused by its code', () => {
  expect(() => outsideOfList('vm', { q: 'power:(' })).toThrow(expect.objectContaining({ code: 'query.invalid' }))
})
