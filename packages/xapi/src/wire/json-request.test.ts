import { describe, expect, test } from 'vitest'
import { decodeJsonRpcRequest, parseJson } from './json-request.ts'
import { encodeJsonRpcRequest } from './json-rpc.ts'

const badJson = expect.objectContaining({ code: 'xapi.bad_json' }) as Error

describe('decodeJsonRpcRequest', () => {
  test.each(['1.0', '2.0'] as const)('reads back a call of version %s', (version) => {
    const params = ['OpaqueRef:1', 2n ** 60n, { a: [true, null, 1.5] }, 'é\ud800']
    const text = encodeJsonRpcRequest(7, 'VM.start', params, { version })
    expect(decodeJsonRpcRequest(text)).toEqual({ version, id: 7, method: 'VM.start', params })
    expect(decodeJsonRpcRequest(new TextEncoder().encode(text))).toEqual({ version, id: 7, method: 'VM.start', params })
  })

  test('keeps an id of 64 bits', () => {
    const id = 2n ** 63n - 1n
    expect(decodeJsonRpcRequest(encodeJsonRpcRequest(id, 'VM.start', [])).id).toBe(id)
  })

  test('takes named parameters as one, and none as none', () => {
    expect(decodeJsonRpcRequest('{"method":"a","id":"x","params":{"b":1}}').params).toEqual([{ b: 1 }])
    expect(decodeJsonRpcRequest('{"method":"a","id":"x"}').params).toEqual([])
  })

  test.each([
    '',
    '5',
    '[]',
    '{}',
    '{"method":"a"}',
    '{"method":1,"id":1}',
    '{"method":"a","id":null}',
    '{"method":"a","id":1,"params":"x"}',
    '{"method":"a","id":1}x',
    '{"method":"a","id":1',
  ])('refuses %j', (text) => expect(() => decodeJsonRpcRequest(text)).toThrow(badJson))
})

test('parseJson refuses what is nested too deep', () => {
  expect(() => parseJson('['.repeat(1_000_000))).toThrow(badJson)
  expect(parseJson(' [1,9223372036854775807,NaN] ')).toEqual([1, 2n ** 63n - 1n, Number.NaN])
})
