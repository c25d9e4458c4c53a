import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { alignDown, alignUp, concatBytes, equalBytes, fromHex, isZero, safeInteger, toHex, viewOf } from './bytes.ts'

const bytes = fc.uint8Array({ maxLength: 300 })

test('hexadecimal text of bytes reads back as the same bytes', () => {
  fc.assert(
    fc.property(bytes, (some) => {
      expect(fromHex(toHex(some))).toEqual(some)
    }),
  )
})

test.each(['0', 'zz', '0x12', '12 3'])('fromHex refuses %j', (text) => expect(() => fromHex(text)).toThrow(RangeError))

test('concatBytes keeps every byte in order', () => {
  fc.assert(
    fc.property(fc.array(bytes), (parts) => {
      expect([...concatBytes(parts)]).toEqual(parts.flatMap((part) => [...part]))
    }),
  )
})

test('equalBytes agrees with a comparison of the text', () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      expect(equalBytes(a, b)).toBe(toHex(a) === toHex(b))
    }),
  )
  expect(equalBytes(fromHex('0001'), fromHex('0001'))).toBe(true)
})

describe('isZero', () => {
  test('is true for zeros of every length and alignment', () => {
    const zeros = new Uint8Array(64)
    for (let start = 0; start < 9; start++) {
      for (let end = start; end <= 64; end++) expect(isZero(zeros.subarray(start, end))).toBe(true)
    }
  })

  test('sees a single bit anywhere, also the one that makes a negative zero of a double', () => {
    for (let start = 0; start < 8; start++) {
      for (let bit = start * 8; bit < 40 * 8; bit++) {
        const some = new Uint8Array(40)
        some[bit >> 3] = 1 << (bit & 7)
        expect(isZero(some.subarray(start))).toBe(false)
      }
    }
  })
})

test('viewOf reads the part of the buffer that the array shows', () => {
  expect(viewOf(fromHex('00010203').subarray(1)).getUint16(0)).toBe(0x0102)
})

test.each([
  [0, 0, 0],
  [1, 0, 512],
  [512, 512, 512],
  [513, 512, 1024],
  [2 ** 52 + 1, 2 ** 52, 2 ** 52 + 512],
])('%d lies between multiples of 512: %d and %d', (value, down, up) => {
  expect(alignDown(value, 512)).toBe(down)
  expect(alignUp(value, 512)).toBe(up)
})

test('safeInteger gives a number only when no digit is lost', () => {
  expect(safeInteger(2n ** 53n - 1n)).toBe(Number.MAX_SAFE_INTEGER)
  expect(safeInteger(2n ** 53n)).toBeUndefined()
  expect(safeInteger(-(2n ** 63n))).toBeUndefined()
  expect(safeInteger(-5n)).toBe(-5)
})
