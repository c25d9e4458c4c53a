import type { ConnectionId, Grant, Vm } from '@nixen/api'
import { compileAccess, formatId, vmErrors } from '@nixen/api'
import { seededRandom, systemClock } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { follow } from './follow.ts'
import { Inventory } from './inventory.ts'
import type { View, ViewLimits } from './view.ts'
import { Views } from './views.ts'

const connection = 'k3f9x2ab' as ConnectionId
const vm = (n: number, more: Partial<Vm> = {}): Vm => ({
  id: formatId({ type: 'vm', connection, key: String(n) }),
  connection,
  pool: formatId({ type: 'pool', connection, key: '1' }),
  name: `vm-${n}`,
  tags: [],
  power: 'running',
  vcpus: 1,
  memory: 1024,
  ips: [],
  drives: [],
  diskSize: 0,
  nics: [],
  snapshots: 0,
  ...more,
})
const everything: Grant[] = [{ actions: ['*'] }]
const production: Grant[] = [{ actions: ['vm:read'], scope: 'tag:prod' }]

function viewOf(inventory: Inventory, grants: Grant[], limits?: ViewLimits) {
  const views = new Views(inventory, { clock: systemClock, limits })
  const access = compileAccess(grants, () => ({ now: 0, nameOf: (id) => inventory.nameOf(id) }))
  return views.of(access, undefined)
}

/** What a client makes of deltas. */
function apply(objects: Map<string, object>, texts: readonly string[]): void {
  for (const text of texts) {
    const delta = JSON.parse(text) as { id: string; set?: object; unset?: string[]; gone?: true }
    if (delta.gone) objects.delete(delta.id)
    else {
      const next = { ...objects.get(delta.id), ...delta.set }
      for (const key of delta.unset ?? []) delete next[key as never]
      objects.set(delta.id, next)
    }
  }
}

const start = (view: View): Map<string, object> =>
  new Map(view.snapshot().objects.vm.map((object) => [(object as Vm).id, object]))

describe.each([
  ['everything', everything, () => true],
  ['a scope', production, (object: Vm) => object.tags.includes('prod')],
] as const)('a view of %s', (_name, grants, isVisible) => {
  test.each([1, 2, 3])('snapshot and deltas make what is there (seed %i)', (seed) => {
    const random = seededRandom(seed)
    const inventory = new Inventory()
    for (let n = 0; n < 20; n++) inventory.put('vm', vm(n, { tags: n % 2 ? ['prod'] : [] }))
    const view = viewOf(inventory, [...grants])
    const client = start(view)
    const { seq } = view
    for (let step = 0; step < 2000; step++) {
      const n = Math.floor(random() * 30)
      if (random() < 0.2) inventory.remove('vm', vm(n).id)
      else {
        const tags = random() < 0.5 ? ['prod'] : []
        inventory.put('vm', vm(n, { tags, memory: step, ...(random() < 0.5 ? { description: 'x' } : {}) }))
      }
    }
    const deltas = view.since(seq, 10_000) ?? []
    apply(client, deltas)
    const wanted = [...inventory.all('vm')].filter((object) => isVisible(object))
    expect(deltas.length).toBeGreaterThan(100)
    // Maps are equal whatever the order.
    expect(client).toEqual(new Map(wanted.map((object) => [object.id as string, object])))
    expect(deltas.map((text) => (JSON.parse(text) as { seq: number }).seq)).toEqual(
      deltas.map((_, index) => seq + 1 + index),
    )
  })
})

test('an object that leaves the scope is gone, and one that enters it comes whole', () => {
  const inventory = new Inventory()
  inventory.put('vm', vm(1, { tags: ['prod'] }))
  const view = viewOf(inventory, production)
  inventory.put('vm', vm(1, { tags: [] }))
  inventory.put('vm', vm(1, { tags: [], memory: 2 }))
  inventory.put('vm', vm(1, { tags: ['prod'], memory: 3 }))
  const deltas = (view.since(0, 10) ?? []).map((text) => JSON.parse(text) as object)
  expect(deltas).toEqual([
    { seq: 1, type: 'vm', id: vm(1).id, gone: true },
    { seq: 2, type: 'vm', id: vm(1).id, set: { ...vm(1, { tags: ['prod'], memory: 3 }) } },
  ])
  expect(vmErrors.not_found({ id: vm(1).id }).code).toBe('vm.not_found')
})

test('the ring stays within its bounds, and who is behind it starts anew', () => {
  const inventory = new Inventory()
  const view = viewOf(inventory, everything, { deltas: 100, size: 1_000_000 })
  for (let n = 0; n < 1000; n++) inventory.put('vm', vm(0, { memory: n }))
  expect(view.since(0, 10)).toBeUndefined()
  expect(view.since(view.seq - 40, 1000)).toHaveLength(40)
  expect(view.since(view.seq + 1, 10)).toBeUndefined()
})

test('a client goes on where it ended, and is told when it cannot', async () => {
  const inventory = new Inventory()
  inventory.put('vm', vm(1))
  const view = viewOf(inventory, everything, { deltas: 100, size: 1_000_000 })
  inventory.put('vm', vm(1, { memory: 2 }))
  const read = async (since: string | undefined, count: number): Promise<string[]> => {
    const stop = new AbortController()
    const found: string[] = []
    const stillAllowed = (): Promise<boolean> => Promise.resolve(true)
    for await (const text of follow({ view, since, version: '1', signal: stop.signal, stillAllowed })) {
      found.push(text)
      if (found.length === count) stop.abort()
    }
    return found
  }
  expect((await read(`${view.id}.0`, 2))[1]).toMatch(/^id: [\w-]+\.1\nevent: deltas\ndata: \[\{"seq":1,"type":"vm"/)
  expect(await read('other.1', 1)).toEqual(['event: reset\ndata: {"reason":"restart"}\n\n'])
  expect(await read(`${view.id}.77`, 1)).toEqual(['event: reset\ndata: {"reason":"gap"}\n\n'])
  for (let n = 0; n < 500; n++) inventory.put('vm', vm(1, { memory: n + 5 }))
  expect(await read(`${view.id}.1`, 1)).toEqual(['event: reset\ndata: {"reason":"gap"}\n\n'])
})

test('a client that takes nothing holds nothing and slows nobody', async () => {
  const inventory = new Inventory()
  const view = viewOf(inventory, everything, { deltas: 100, size: 1_000_000 })
  const stop = new AbortController()
  const options = {
    view,
    since: undefined,
    version: '1',
    signal: stop.signal,
    stillAllowed: () => Promise.resolve(true),
  }
  const slow = follow(options)
  const quick = follow(options)
  await slow.next()
  await quick.next()
  for (let round = 0; round < 6; round++) {
    for (let n = 0; n < 50; n++) inventory.put('vm', vm(round * 50 + n))
    expect((await quick.next()).value).toContain('event: deltas')
  }
  expect((await slow.next()).value).toBe('event: reset\ndata: {"reason":"slow"}\n\n')
  expect((await slow.next()).done).toBe(true)
  stop.abort()
  await quick.return()
  expect(view.waiting).toBe(0)
})

test('permissions that changed end the stream with a reset', async () => {
  const inventory = new Inventory()
  const view = viewOf(inventory, everything)
  let allowed = true
  const options = { view, since: undefined, version: '1', signal: new AbortController().signal }
  const stream = follow({ ...options, stillAllowed: () => Promise.resolve(allowed) })
  await stream.next()
  allowed = false
  expect((await stream.next()).value).toBe('event: reset\ndata: {"reason":"permissions"}\n\n')
})
