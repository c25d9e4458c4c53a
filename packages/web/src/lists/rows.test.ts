import { describe, expect, test } from 'vitest'
import { nextSort, RowMaker } from './rows.ts'
import { extend, toggle, within } from './selection.ts'

const vm = (name: string, memory: number) => ({ id: `vm.c.${name}`, name, memory, power: 'running', tags: [], ips: [] })
const context = { now: 0 }

describe('rows', () => {
  test('are what the query finds, in natural order', () => {
    const maker = new RowMaker<ReturnType<typeof vm>>()
    const objects = [vm('web-10', 1), vm('db', 2), vm('web-2', 3)]
    const { items, problem } = maker.make({ type: 'vm', objects, q: 'web', sort: 'name', context })
    expect(items.map(({ name }) => name)).toEqual(['web-2', 'web-10'])
    expect(problem).toBeUndefined()
  })

  test('stay those of the last right query while one is wrong', () => {
    const maker = new RowMaker<ReturnType<typeof vm>>()
    const objects = [vm('a', 1), vm('b', 2)]
    maker.make({ type: 'vm', objects, q: 'name:a', sort: 'name', context })
    const { items, problem } = maker.make({ type: 'vm', objects, q: 'name:a pwer:running', sort: 'name', context })
    expect(items.map(({ name }) => name)).toEqual(['a'])
    expect(problem).toMatchObject({ offset: 7, length: 4, suggestion: 'power' })
  })

  test('are in the same order however they came there', () => {
    const one = new RowMaker<ReturnType<typeof vm>>()
    const all = Array.from({ length: 200 }, (_, index) => vm(`vm-${index}`, (index * 7919) % 13))
    const input = { type: 'vm', q: '', sort: '-memory,name', context } as const
    one.make({ ...input, objects: all.slice(0, 100) })
    const changed = all.map((item, index) => (index % 3 === 0 ? vm(item.name, item.memory + 5) : item))
    const again = one.make({ ...input, objects: changed })
    expect(again.items).toEqual(new RowMaker<ReturnType<typeof vm>>().make({ ...input, objects: changed }).items)
  })

  test('with an order that the type does not have are by name', () => {
    const maker = new RowMaker<ReturnType<typeof vm>>()
    const { items } = maker.make({ type: 'vm', objects: [vm('b', 1), vm('a', 2)], q: '', sort: 'nonsense', context })
    expect(items.map(({ name }) => name)).toEqual(['a', 'b'])
  })
})

test('a click on a head sorts up, then down', () => {
  expect([nextSort('name', 'memory'), nextSort('memory', 'memory'), nextSort('-memory', 'memory')]).toEqual([
    'memory',
    '-memory',
    'memory',
  ])
})

test('a selection is toggled, extended, and never holds what the list does not show', () => {
  const ids = ['a', 'b', 'c', 'd']
  const two = toggle(toggle(new Set(), 'a'), 'b')
  expect([...toggle(two, 'a')]).toEqual(['b'])
  expect([...extend(new Set(['b']), ids, { from: 'b', to: 'd' })]).toEqual(['b', 'c', 'd'])
  expect([...extend(new Set(), ids, { from: 'gone', to: 'c' })]).toEqual(['c'])
  expect(within(new Set(['a', 'x']), [{ id: 'a' }, { id: 'b' }])).toEqual([{ id: 'a' }])
})
