import { inventoryTypes, type Delta, type InventorySnapshot } from '@nixen/api'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InventoryStore } from './inventory-store.ts'

const at = (work: () => void): void => work()
const snapshotOf = (vms: readonly object[]): InventorySnapshot => {
  const objects = Object.fromEntries(inventoryTypes.map((type) => [type, type === 'vm' ? vms : []]))
  return { view: 'v', seq: 0, at: 0, objects: objects as unknown as InventorySnapshot['objects'] }
}
const delta = (id: string, change: object): Delta => ({ seq: 1, type: 'vm', id, ...change }) as unknown as Delta

describe('the store of the inventory', () => {
  test('takes what is set, unset, new and gone, and leaves the others the same objects', () => {
    const store = new InventoryStore(at)
    store.load(
      snapshotOf([
        { id: 'vm.c.1', name: 'a', host: 'h' },
        { id: 'vm.c.2', name: 'b' },
      ]),
    )
    const [, second] = store.all('vm')
    store.apply([
      delta('vm.c.1', { set: { name: 'A' }, unset: ['host'] }),
      delta('vm.c.3', { set: { id: 'vm.c.3', name: 'c' } }),
    ])
    expect(store.all('vm')).toEqual([
      { id: 'vm.c.1', name: 'A' },
      { id: 'vm.c.2', name: 'b' },
      { id: 'vm.c.3', name: 'c' },
    ])
    expect(store.get('vm', 'vm.c.2')).toBe(second)
    store.apply([delta('vm.c.2', { gone: true })])
    expect(store.nameOf('vm.c.2')).toBeUndefined()
    expect(store.nameOf('vm.c.3')).toBe('c')
  })

  test('gives the same list until one of its objects changes', () => {
    const store = new InventoryStore(at)
    store.load(snapshotOf([{ id: 'vm.c.1', name: 'a' }]))
    const [vms, hosts] = [store.all('vm'), store.all('host')]
    expect(store.all('vm')).toBe(vms)
    store.apply([delta('vm.c.1', { set: { name: 'b' } })])
    expect(store.all('vm')).not.toBe(vms)
    expect(store.all('host')).toBe(hosts)
  })

  test('tells its listeners once, however many changes come before they are told', () => {
    const queue: (() => void)[] = []
    const store = new InventoryStore((work) => queue.push(work))
    let told = 0
    const stop = store.subscribe(() => (told += 1))
    for (let i = 0; i < 500; i++) store.apply([delta('vm.c.1', { set: { id: 'vm.c.1', name: String(i) } })])
    expect(queue).toHaveLength(1)
    queue.shift()?.()
    expect(told).toBe(1)
    stop()
    store.apply([delta('vm.c.1', { gone: true })])
    queue.shift()?.()
    expect(told).toBe(1)
  })

  test('is after any changes what a snapshot after them would be', () => {
    const ids = fc.constantFrom('vm.c.1', 'vm.c.2', 'vm.c.3')
    const change = fc.oneof(
      fc.record({ id: ids, change: fc.record({ set: fc.record({ name: fc.string() }) }) }),
      fc.record({ id: ids, change: fc.constant({ gone: true }) }),
    )
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const store = new InventoryStore(at)
        const expected = new Map<string, object>()
        for (const { id, change } of changes) {
          store.apply([delta(id, 'set' in change ? { set: { id, ...change.set } } : change)])
          if ('set' in change) expected.set(id, { id, ...change.set })
          else expected.delete(id)
        }
        expect(new Set(store.all('vm'))).toEqual(new Set(expected.values()))
      }),
    )
  })
})
