import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RefIndex } from './ref-index.ts'

const name = fc.constantFrom('a', 'b', 'c')
const child = fc.integer({ min: 0, max: 20 }).map(String)
const parent = fc.option(name, { nil: null })

test('it has the children of each parent in the order in which they came', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(child, parent), { maxLength: 200 }), (moves) => {
      const index = new RefIndex()
      const parents = new Map<string, string | null>()
      // Those that come last are last.
      for (const [ref, to] of moves) {
        const from = parents.get(ref)
        index.move(ref, from, to)
        if (from === to) continue
        parents.delete(ref)
        parents.set(ref, to)
      }
      for (const each of ['a', 'b', 'c']) {
        expect(index.of(each)).toEqual([...parents].filter(([, to]) => to === each).map(([ref]) => ref))
      }
    }),
  )
})

test('a child that is not there is not taken away', () => {
  const index = new RefIndex()
  index.move('x', undefined, 'a')
  index.move('y', 'a', null)
  index.move('y', 'b', null)
  expect([index.of('a'), index.of('b')]).toEqual([['x'], []])
})
