import { isRecord } from '@nixen/core'
import { xapiErrors } from '../errors.ts'
import { describe as described, Mismatch } from '../values/mismatch.ts'
import { JsonCursor } from './json-cursor.ts'
import type { JsonRpcId, JsonRpcVersion } from './json-rpc.ts'

/** A call as it comes over the wire: raw values, integers beyond 2^53 as `bigint`. */
export interface JsonRpcCall {
  readonly version: JsonRpcVersion
  readonly id: JsonRpcId
  readonly method: string
  /** An object of named parameters is one parameter, as in XAPI. */
  readonly params: readonly unknown[]
}

/**
 * Reads a JSON document without loss: integers of 64 bits as `bigint` beyond 2^53, bare `NaN` and infinities, invalid UTF-8 as U+FFFD.
 *
 * @throws `xapi.bad_json`
 */
export function parseJson(document: string | Uint8Array): unknown {
  const bytes =
    typeof document === 'string'
      ? Buffer.from(document)
      : Buffer.from(document.buffer, document.byteOffset, document.byteLength)
  const cursor = new JsonCursor()
  cursor.feed(bytes, true)
  try {
    const value = cursor.any()
    if (cursor.peek() !== -1) throw cursor.unexpected('the end')
    return value
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error
    throw xapiErrors.bad_json({ expected: error.expected, got: error.got })
  }
}

/** Reads a call of JSON-RPC 1.0 or 2.0; `xapi.bad_json` for anything else. There are no notifications: a call has an id. */
export function decodeJsonRpcRequest(document: string | Uint8Array): JsonRpcCall {
  const call = parseJson(document)
  if (!isRecord(call)) throw wrong('an object', call)
  const { id, method, params = [] } = call
  if (typeof method !== 'string') throw wrong('a method', method)
  if (typeof id !== 'string' && typeof id !== 'bigint' && !(typeof id === 'number' && Number.isInteger(id)))
    throw wrong('an integer or text as the id', id)
  const version = 'jsonrpc' in call ? '2.0' : '1.0'
  if (Array.isArray(params)) return { version, id, method, params }
  if (!isRecord(params)) throw wrong('an array of parameters', params)
  return { version, id, method, params: [params] }
}

function wrong(expected: string, got: unknown): Error {
  return xapiErrors.bad_json({ expected, got: described(got) })
}
