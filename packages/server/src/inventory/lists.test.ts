import type { Host, ListQuery, Vm } from '@nixen/api'
import { expect, test } from 'vitest'
import { Inventory } from './inventory.ts'
import { Lists } from './lists.ts'

const now = 1_000_000

// What lists look at, of the objects that the inventory holds.
const vm = (key: string, more: Partial<Vm> = {}): Vm =>
  ({ id: `vm.c.${key}`, connection: 'c', name: key, power: 'running', tags: [], ...more }) as Vm
const host = (name: string): Host => ({ id: 'host.c.1', connection: 'c', name }) as Host

function setUp(...names: readonly string[]) {
  const inventory = new Inventory()
  for (const name of names) inventory.put('vm', vm(name))
  const lists = new Lists(inventory, 'vm')
  const ask = (query: Partial<ListQuery> = {}) =>
    lists.page({ limit: 10, ...query }, { now }).items.map(({ name }) => name)
  return { inventory, lists, ask }
}

test('a list is kept from the second time that it is asked for, and follows changes', () => {
  const { inventory, lists, ask } = setUp('b', 'd', 'c')
  const q = 'power:running'
  expect([ask({ q }), lists.kept]).toEqual([['b', 'c', 'd'], 0])
  expect([ask({ q }), lists.kept]).toEqual([['b', 'c', 'd'], 1])
  inventory.put('vm', vm('a'))
  inventory.put('vm', vm('c', { power: 'halted' }))
  inventory.put('vm', vm('d', { name: 'A' }))
  inventory.remove('vm', 'vm.c.b')
  expect(ask({ q })).toEqual(['A', 'a'])
  inventory.removeConnection(vm('a').connection)
  expect([ask({ q }), lists.kept]).toEqual([[], 1])
})

test('a list that goes by names of others follows their renaming', () => {
  const { inventory, ask } = setUp()
  inventory.put('host', host('xen-1'))
  inventory.put('vm', vm('a', { host: host('').id }))
  const asked = () => ask({ q: 'host:xen-1', sort: 'host' })
  expect([asked(), asked(), asked()]).toEqual([['a'], ['a'], ['a']])
  inventory.put('host', host('xen-2'))
  expect([asked(), asked(), asked()]).toEqual([[], [], []])
  inventory.put('host', host('xen-1'))
  expect([asked(), asked(), asked()]).toEqual([['a'], ['a'], ['a']])
})

test('a list that goes by the time is never kept', () => {
  const { lists, ask, inventory } = setUp()
  inventory.put('vm', vm('a', { started: now - 5000 }))
  for (let i = 0; i < 3; i++) expect(ask({ q: 'uptime:<7d' })).toEqual(['a'])
  expect(lists.kept).toBe(0)
})

test.each([
  [{ q: 'powr:running' }, 'query.invalid'],
  [{ q: 'power:(' }, 'query.invalid'],
  [{ sort: 'drives' }, 'query.bad_sort'],
  [{ cursor: 'x' }, 'query.bad_cursor'],
])('%j is refused with %s, however often it is asked', (query, code) => {
  const { ask } = setUp('a')
  for (let i = 0; i < 3; i++) expect(() => ask(query)).toThrow(expect.objectContaining({ code }))
})

test('who may see only some objects gets only these, though others have kept lists', () => {
  const { lists, ask } = setUp('a', 'b')
  for (let i = 0; i < 3; i++) ask()
  const visible = (object: object): boolean => 'name' in object && object.name === 'b'
  const page = lists.page({ limit: 10 }, { now, visible })
  expect([page.items.map(({ name }) => name), page.total]).toEqual([['b'], 1])
})

test('a list that nobody asks for any more is given up', () => {
  const { inventory, lists, ask } = setUp('a')
  ask()
  ask()
  for (let i = 0; i < 3000; i++) inventory.put('vm', vm('a', { memory: i }))
  expect(lists.kept).toBe(0)
  expect(ask()).toEqual(['a'])
})

test('only so many lists are kept, those asked for last', () => {
  const { lists, ask } = setUp('a')
  for (let i = 0; i < 50; i++) for (let times = 0; times < 2; times++) ask({ q: `memory:>${i}` })
  expect(lists.kept).toBe(16)
})
