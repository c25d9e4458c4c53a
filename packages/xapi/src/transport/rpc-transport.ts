import type { IncomingMessage } from 'node:http'
import { isAppError, Semaphore } from '@nixen/core'
import { XapiError, xapiErrors } from '../errors.ts'
import { encodeJsonRpcRequest, readJsonRpcResponse } from '../wire/json-rpc.ts'
import { BodyParts } from './body-parts.ts'
import type { Endpoint } from './endpoint.ts'
import { NoAnswer, type HttpClient } from './http-client.ts'
import { isSafeMethod } from './safe-methods.ts'

export interface RpcLimits {
  /** Calls that wait for an answer at once; long polls do not count. */
  readonly concurrency: number
  /** Milliseconds for one whole exchange, from the connection to the last byte. */
  readonly callTimeout: number
  /** Longest answer in bytes. */
  readonly maxAnswerBytes: number
}

export interface RpcCall {
  readonly method: string
  /** Wire values, the session reference included. */
  readonly params: readonly unknown[]
  /** See {@link XapiRequest.resultType}. */
  readonly resultType?: string | undefined
  readonly onEntry?: ((key: string | number, value: unknown) => void) | undefined
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** A long poll has connections of its own and takes no place among the calls. */
  readonly poll?: boolean
}

/** JSON-RPC 2.0 over kept connections (POST /jsonrpc). */
export class RpcTransport {
  readonly #http: HttpClient
  readonly #limits: RpcLimits
  readonly #places: Semaphore
  #lastId = 0

  constructor(http: HttpClient, limits: RpcLimits) {
    this.#http = http
    this.#limits = limits
    this.#places = new Semaphore(limits.concurrency)
  }

  /**
   * Calls a method on a host and resolves with the decoded result.
   *
   * A connection that breaks before the first byte of an answer leaves open whether the host has acted. Such a call is repeated, once, only if
   * its method may be repeated; for the others the error comes back, since `VM.start` twice is two starts.
   *
   * @throws XapiError for the host's refusal; xapi.unreachable, timeout, truncated, too_large, wrong_content_type, http_status, bad_answer
   */
  async call(endpoint: Endpoint, call: RpcCall): Promise<unknown> {
    if (call.poll) return await this.#exchange(endpoint, call)
    using _place = await this.#places.acquire({ signal: call.signal })
    return await this.#exchange(endpoint, call)
  }

  async #exchange(endpoint: Endpoint, call: RpcCall): Promise<unknown> {
    const ms = call.timeout ?? this.#limits.callTimeout
    const timer = new AbortController()
    const timeout = setTimeout(() => timer.abort(xapiErrors.timeout({ what: call.method, ms })), ms)
    const signal = call.signal ? AbortSignal.any([call.signal, timer.signal]) : timer.signal
    try {
      try {
        return await this.#once(endpoint, call, signal)
      } catch (error) {
        if (!(error instanceof NoAnswer) || !isSafeMethod(call.method)) throw error
        return await this.#once(endpoint, call, signal)
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (!(error instanceof NoAnswer)) throw error
      throw xapiErrors.truncated({ received: 0, expected: `an answer to ${call.method}` }, { cause: error.cause })
    } finally {
      clearTimeout(timeout)
    }
  }

  async #once(endpoint: Endpoint, call: RpcCall, signal: AbortSignal): Promise<unknown> {
    const { answer } = this.#http.send(endpoint, {
      method: 'POST',
      path: '/jsonrpc',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: encodeJsonRpcRequest(++this.#lastId, call.method, call.params),
      lane: call.poll ? 'poll' : 'call',
      signal,
    })
    const response = await answer
    try {
      checkHead(response, call.method)
      const outcome = await readJsonRpcResponse(new BodyParts(response, this.#limits.maxAnswerBytes), {
        // The signal ends the body itself, which costs nothing for each of its parts.
        maxBytes: this.#limits.maxAnswerBytes,
        ...(call.resultType === undefined ? {} : { type: call.resultType }),
        ...(call.onEntry === undefined ? {} : { onEntry: call.onEntry }),
      })
      if (outcome.ok) return outcome.result
      throw new XapiError(outcome.code, outcome.params, { method: call.method })
    } finally {
      // What was not read to its end can't be used again.
      if (!response.readableEnded) response.destroy()
    }
  }
}

/** Whether nothing of the call can have reached the host, so that any call may be sent again. */
export function wasNotSent(error: unknown): boolean {
  return isAppError(error, 'xapi.unreachable') || isAppError(error, 'xapi.certificate_untrusted')
}

function checkHead(response: IncomingMessage, method: string): void {
  const { statusCode: status = 0, headers } = response
  const got = headers['content-type'] ?? ''
  if (status === 200) {
    // XAPI says exactly `application/json`; a proxy in front may add a charset.
    if (/^application\/json\s*(;|$)/i.test(got)) return
    throw xapiErrors.wrong_content_type({ expected: 'application/json', got })
  }
  throw xapiErrors.http_status({ status, what: method })
}
