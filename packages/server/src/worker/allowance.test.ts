import { expect, test } from 'vitest'
import { Allowance, leastShare } from './allowance.ts'

test('those who share an allowance have as much as each other, and are told when others come and go', () => {
  const allowance = new Allowance(1000)
  const seen: (number | undefined)[] = []
  const first = allowance.join(() => seen.push(allowance.share))
  const second = allowance.join(() => undefined)
  allowance.join(() => undefined)
  second[Symbol.dispose]()
  allowance.set(600)
  first[Symbol.dispose]()
  allowance.set(400)
  expect(seen).toEqual([1000, 500, 333, 500, 300])
})

test('no share is nothing: what is slow ends all the same', () => {
  const allowance = new Allowance(2)
  for (let i = 0; i < 5; i++) allowance.join(() => undefined)
  expect(allowance.share).toBe(1)
})

test.each<[string, (number | undefined)[], number | undefined]>([
  ['there is no limit without one', [undefined, undefined], undefined],
  ['the least of several counts', [500, undefined, 300], 300],
])('%s', (_, rates, expected) => {
  expect(leastShare(rates.map((rate) => new Allowance(rate)))).toBe(expected)
})
