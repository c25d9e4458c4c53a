import { expect, test } from 'vitest'
import { assertNever, isRecord } from './assert.ts'
import { isUuid, newUuid } from './ids.ts'
import { seededRandom } from './random.ts'

test('a new UUID is one, and never the same', () => {
  expect(isUuid(newUuid())).toBe(true)
  expect(newUuid()).not.toBe(newUuid())
})

test.each([
  '',
  'a',
  '6f1c2b1e-0d5f-4d0c-9a5b-1c9f6c8b3e7',
  '6f1c2b1e-0d5f-4d0c-9a5b-1c9f6c8b3e7g',
  '6f1c2b1e0d5f4d0c9a5b1c9f6c8b3e7a',
])('%j is not a UUID', (text) => expect(isUuid(text)).toBe(false))

test('a seed always gives the same numbers, evenly spread from 0 to 1', () => {
  const one = seededRandom(7)
  const two = seededRandom(7)
  const numbers = Array.from({ length: 1000 }, () => one())
  expect(numbers).toEqual(Array.from({ length: 1000 }, () => two()))
  expect(numbers.every((n) => n >= 0 && n < 1)).toBe(true)
  expect(numbers.reduce((a, b) => a + b) / 1000).toBeCloseTo(0.5, 1)
})

test('isRecord is true for objects with keys only', () => {
  expect([{}, { a: 1 }].every(isRecord)).toBe(true)
  expect([null, undefined, [], 'a', 1].some(isRecord)).toBe(false)
})

test('assertNever names what it did not expect', () => {
  expect(() => assertNever('blue' as never, 'colour')).toThrow('Unexpected colour: "blue"')
})
