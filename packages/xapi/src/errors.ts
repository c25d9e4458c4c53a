import { catalogue } from '@nixen/core'
import type { XapiErrorParams } from './generated/errors.ts'

export type { XapiErrorParams } from './generated/errors.ts'

/** An error code of the data model. Hosts newer than it send others: they come through as plain strings. */
export type XapiErrorCode = keyof XapiErrorParams

/** The parameters of `Code`: a labelled tuple for the known ones. */
export type XapiParamsOf<Code extends string> = Code extends XapiErrorCode ? XapiErrorParams[Code] : readonly string[]

export interface XapiErrorContext {
  /** The method that was called, for example `VM.start`. */
  readonly method?: string | undefined
  readonly cause?: unknown
}

/**
 * The host's answer to a call was an error. `code` and `params` are what it sent, unchanged; use {@link isXapiError} to tell codes apart.
 * Failures on our side of the wire (no connection, no answer, not an answer of XAPI) are {@link xapiErrors} instead.
 */
export class XapiError<Code extends string = string> extends Error {
  override readonly name = 'XapiError'
  /** For example `VM_BAD_POWER_STATE`. */
  readonly code: Code
  /** The parameters in the order of the wire, all strings. */
  readonly params: XapiParamsOf<Code>
  /** The method that was called, if known. */
  readonly method: string | undefined

  constructor(code: Code, params: readonly string[], context: XapiErrorContext = {}) {
    super(sentence(code, params, context.method), context.cause === undefined ? undefined : { cause: context.cause })
    this.code = code
    // What a host sends with a known code has the declared form; code that reads an element still meets `undefined` when it has not.
    this.params = params as XapiParamsOf<Code>
    this.method = context.method
  }
}

/**
 * Whether `error` is an answer of the host, with that code if one is given; narrows `params` to the code's labelled tuple. By shape, so that
 * two copies of this package agree.
 */
export function isXapiError(error: unknown): error is XapiError
export function isXapiError<Code extends XapiErrorCode | (string & {})>(
  error: unknown,
  code: Code,
): error is XapiError<Code>
export function isXapiError(error: unknown, code?: string): error is XapiError {
  if (!(error instanceof Error) || error.name !== 'XapiError' || !('code' in error)) return false
  return code === undefined || error.code === code
}

function sentence(code: string, params: readonly string[], method: string | undefined): string {
  const list = params.map((param) => (param.length > 200 ? `${param.slice(0, 200)}…` : param)).join(', ')
  return `${method === undefined ? 'The host' : method} answered ${code}${list && ` (${list})`}`
}

/** What goes wrong on our side of the wire, or before a host's answer is understood. */
export const xapiErrors = catalogue('xapi', {
  bad_answer: {
    status: 502,
    text: (p: { expected: string; got: string; at?: string }) =>
      `The host's answer is not understood${p.at ? ` at ${p.at}` : ''}: expected ${p.expected}, got ${p.got}. Is this the address of a XAPI host?`,
  },
  bad_json: {
    status: 400,
    text: (p: { expected: string; got: string }) => `The JSON is not understood: expected ${p.expected}, got ${p.got}.`,
  },
  bad_xml: {
    status: 400,
    text: (p: { reason: string; at: number }) => `Not XML-RPC at character ${p.at}: ${p.reason}.`,
  },
  bad_value: {
    status: 400,
    text: (p: { expected: string; got: string; at: string }) =>
      `The value for ${p.at} can't be sent: expected ${p.expected}, got ${p.got}.`,
  },
  truncated: {
    status: 502,
    retryable: true,
    text: (p: { received: number; expected: string }) =>
      `The host's answer broke off after ${p.received} bytes: expected ${p.expected}. Call again.`,
  },
  too_large: {
    status: 502,
    text: (p: { limit: number; what?: string }) =>
      `The host's answer is larger than ${p.limit} ${p.what ?? 'bytes'}, the limit for this call.`,
  },
  wrong_content_type: {
    status: 502,
    text: (p: { expected: string; got: string; status?: number }) =>
      `The server answered with ${p.got || 'no content type'}${p.status === undefined ? '' : ` and status ${p.status}`}, not ${p.expected}. Is this the address of a XAPI host?`,
  },
  http_status: {
    status: 502,
    text: (p: { status: number; what: string; body?: string }) =>
      `The host answered HTTP status ${p.status} to ${p.what}${p.body ? `: ${p.body.slice(0, 200)}` : ''}.`,
  },
  timeout: {
    status: 504,
    retryable: true,
    text: (p: { what: string; ms: number }) => `No answer to ${p.what} within ${p.ms} ms.`,
  },
  unreachable: {
    status: 502,
    retryable: true,
    text: (p: { host: string; reason: string }) => `${p.host} can't be reached: ${p.reason}.`,
  },
  certificate_untrusted: {
    status: 502,
    text: (p: { host: string; fingerprint: string; expected?: string; reason: string }) =>
      `The certificate of ${p.host} is not trusted (${p.reason}). Its SHA-256 fingerprint is ${p.fingerprint}${p.expected ? `, expected ${p.expected}` : ''}. Compare it with the host's and pin it if it is the same.`,
  },
  token_refused: {
    status: 502,
    retryable: true,
    text: (p: { token: string }) =>
      `The host does not accept the event token ${p.token} any more; read everything again.`,
  },
  cancelled: {
    status: 499,
    text: (p: { what: string }) => `${p.what} was cancelled.`,
  },
  no_master: {
    status: 502,
    retryable: true,
    text: (p: { tried: readonly string[]; reason: string }) =>
      `No host of the pool takes the log-in as its master (tried ${p.tried.join(', ')}): ${p.reason}.`,
  },
  task_lost: {
    status: 502,
    text: (p: { task: string }) =>
      `The task ${p.task} is gone and its result is not known. Look at the object it worked on before trying again.`,
  },
  upload_broken: {
    status: 502,
    text: (p: { what: string; sent: number; reason: string }) =>
      `The upload to ${p.what} broke off after ${p.sent} bytes: ${p.reason}.`,
  },
  moved: {
    status: 503,
    retryable: true,
    text: (p: { host: string }) => `The session on ${p.host} is a new one; what was read before may be out of date.`,
  },
  closed: {
    status: 409,
    text: (p: { what: string }) => `${p.what} is closed. Connect again.`,
  },
})
