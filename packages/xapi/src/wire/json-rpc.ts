import { collectBytes } from '@nixen/core'
import { writeJson } from './json-text.ts'

/** An answer: the result, or the code and parameters of the host's error. */
export type RpcOutcome =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: string; readonly params: readonly string[] }

/** Identifies a request; XAPI wants an integer or a string. */
export type JsonRpcId = number | string

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

export interface ReadJsonRpcOptions {
  /** `xapi.too_large` beyond it. */
  readonly maxBytes: number
  /** Decodes the result by this type of the data model; raw JSON when left out. */
  readonly type?: string | undefined
  /** Takes the entries of a map or set (for `event.from`: its events) instead of keeping them in the result. */
  readonly onEntry?: ((key: string | number, value: unknown) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Reads an answer as it comes in, without blocking the event loop for long. */
export async function readJsonRpcResponse(
  body: AsyncIterable<Uint8Array>,
  options: ReadJsonRpcOptions,
): Promise<RpcOutcome> {
  const bytes = await collectBytes(body, { limit: options.maxBytes })
  const answer = JSON.parse(new TextDecoder().decode(bytes)) as {
    result?: unknown
    error?: string[] | { message: string; data?: string[] } | null
  }
  if (!answer.error) return { ok: true, result: answer.result }
  if (Array.isArray(answer.error)) return { ok: false, code: String(answer.error[0]), params: answer.error.slice(1) }
  return { ok: false, code: answer.error.message, params: answer.error.data ?? [] }
}
