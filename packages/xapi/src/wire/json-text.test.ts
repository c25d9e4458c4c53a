import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeJsonRpcRequest } from './json-rpc.ts'
import { writeJson } from './json-text.ts'

describe('writeJson', () => {
  test.each<[unknown, string]>([
    [2n ** 63n - 1n, '9223372036854775807'],
    [-(2n ** 63n), '-9223372036854775808'],
    [Number.NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    ['\ud800', '"\\ud800"'],
    [[undefined, null], '[null,null]'],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    [
      new Map<unknown, unknown>([
        ['a', 1],
        [2, 'b'],
      ]),
      '{"a":1,"2":"b"}',
    ],
  ])('writes %s', (value, text) => expect(writeJson(value)).toBe(text))

  test.each([() => 1, Symbol('x')])('refuses what is no data', (value) =>
    expect(() => writeJson(value)).toThrow(TypeError),
  )

  test('writes JSON values as JSON.stringify does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(writeJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})

describe('encodeJsonRpcRequest', () => {
  test('writes both versions, with integers of 64 bits as they are', () => {
    expect(encodeJsonRpcRequest(1, 'VM.start', ['s', 2n ** 60n])).toBe(
      '{"jsonrpc":"2.0","method":"VM.start","params":["s",1152921504606846976],"id":1}',
    )
    expect(encodeJsonRpcRequest('a', 'VM.start', [], { version: '1.0' })).toBe(
      '{"method":"VM.start","params":[],"id":"a"}',
    )
  })
})
