import { expect, test } from 'vitest'
import { Gates, type Wanted } from './gates.ts'

const { signal } = new AbortController()

/** Begins work that lasts until it is told to end; says who is in. */
function party(): {
  readonly inside: Set<string>
  readonly come: (
    name: string,
    wants: readonly Wanted[],
    until?: AbortSignal,
  ) => { leave: () => void; gone: Promise<void> }
} {
  const gates = new Gates()
  const inside = new Set<string>()
  return {
    inside,
    come: (name, wants, until = signal) => {
      const left = Promise.withResolvers<void>()
      const gone = gates.run(wants, until, async () => {
        inside.add(name)
        await left.promise
        inside.delete(name)
      })
      return { leave: left.resolve, gone }
    },
  }
}

const want = (key: string, places = 1, limit = 2): Wanted => ({ key, places, limit })

test('as many as there are places are in, the others follow in their order', async () => {
  const { inside, come } = party()
  const [a, b, c] = [come('a', [want('host')]), come('b', [want('host')]), come('c', [want('host')])]
  const elsewhere = come('d', [want('other')])
  await expect.poll(() => [...inside].toSorted()).toEqual(['a', 'b', 'd'])
  a.leave()
  await expect.poll(() => [...inside].toSorted()).toEqual(['b', 'c', 'd'])
  for (const one of [b, c, elsewhere]) one.leave()
  await Promise.all([a.gone, b.gone, c.gone, elsewhere.gone])
  expect(inside.size).toBe(0)
})

test('two who want all places of two storages do not wait for each other for ever', async () => {
  const { inside, come } = party()
  const wants = [want('host', 1, 9), want('s1', 4), want('s2', 4)]
  const [a, b] = [come('a', wants), come('b', wants)]
  await expect.poll(() => [...inside]).toEqual(['a'])
  a.leave()
  await expect.poll(() => [...inside]).toEqual(['b'])
  b.leave()
  await Promise.all([a.gone, b.gone])
})

test('who gives up while waiting leaves what it had', async () => {
  const { inside, come } = party()
  const a = come('a', [want('s2', 2)])
  const stop = new AbortController()
  const b = come('b', [want('s1', 2), want('s2')], stop.signal)
  stop.abort(new Error('enough'))
  await expect(b.gone).rejects.toThrow('enough')
  const c = come('c', [want('s1', 2)])
  await expect.poll(() => [...inside].toSorted()).toEqual(['a', 'c'])
  a.leave()
  c.leave()
  await Promise.all([a.gone, c.gone])
})
