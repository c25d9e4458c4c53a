import { writeJson } from './json-text.ts'
import type { RpcOutcome } from './rpc-outcome.ts'

export { readJsonRpcResponse, type ReadJsonRpcOptions } from './json-response.ts'

/** Identifies a request; XAPI wants an integer, of 64 bits, or a string. */
export type JsonRpcId = number | bigint | string

export type JsonRpcVersion = '1.0' | '2.0'

/** Body of a request. `params` hold wire values; the session reference, if any, is the first. */
export function encodeJsonRpcRequest(
  id: JsonRpcId,
  method: string,
  params: readonly unknown[],
  { version = '2.0' }: { version?: JsonRpcVersion } = {},
): string {
  const head = version === '2.0' ? '"jsonrpc":"2.0",' : ''
  return `{${head}"method":${writeJson(method)},"params":${writeJson(params)},"id":${writeJson(id)}}`
}

/** Body of an answer, as XAPI words it (`error.code` is always 1; version 1.0 has `[code, params…]` as `error`). */
export function encodeJsonRpcResponse(
  id: JsonRpcId | null,
  outcome: RpcOutcome,
  { version = '2.0' }: { version?: JsonRpcVersion } = {},
): string {
  if (version === '1.0') {
    const error = outcome.ok ? null : [outcome.code, ...outcome.params]
    return `{"result":${writeJson(outcome.ok ? outcome.result : null)},"error":${writeJson(error)},"id":${writeJson(id)}}`
  }
  const body = outcome.ok
    ? `"result":${writeJson(outcome.result)}`
    : `"error":{"code":1,"message":${writeJson(outcome.code)},"data":${writeJson(outcome.params)}}`
  return `{"jsonrpc":"2.0",${body},"id":${writeJson(id)}}`
}
