import { isUtf8 } from 'node:buffer'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isAppError } from '@nixen/core'
import { decodeJsonRpcRequest, writeJson, type JsonRpcCall } from '@nixen/xapi'
import type { Answer } from '../dispatch/answer.ts'
import type { CallRequest } from '../dispatch/dispatcher.ts'
import { sendParts, sendText, type HttpExchange, type HttpHandler } from './http-exchange.ts'
import { jsonParts } from './json-encode.ts'
import { parseXmlCall } from './xml-decode.ts'
import { xmlParts, xmlText } from './xml-encode.ts'

/** Answers calls; see `Dispatcher`. */
export interface Caller {
  call(request: CallRequest): Promise<Answer>
}

/** Largest body of a call, in bytes. */
export const maxBody: number = 300 * 1024

/** A client that sends nothing of an announced body for this long is cut off, milliseconds. */
const bodySilence = 30_000

const crossOrigin = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'X-Requested-With',
}

/** Answers the preflight request of browsers. */
export function preflight({ response }: HttpExchange): void {
  response.writeHead(200, {
    ...crossOrigin,
    'access-control-allow-headers': 'X-Requested-With, Content-Type',
    'access-control-allow-methods': 'POST, OPTIONS',
    'content-length': '0',
  })
  response.end()
}

/** JSON-RPC 1.0 and 2.0. A body that is not a call is a status 500, as on a host. */
export function jsonRpc(caller: Caller): HttpHandler {
  return async (exchange) => {
    const body = await readBody(exchange)
    if (body === undefined) return
    const call = parseJsonCall(body.text)
    if (!call) return sendText(exchange.response, 500, 'Not a JSON-RPC call.')
    const answer = body.valid ? await callOf(caller, exchange, call) : notUtf8(call.params)
    if (exchange.response.destroyed) return
    // Clients compare the type with `===`: no charset.
    exchange.response.writeHead(200, { ...crossOrigin, 'content-type': 'application/json' })
    await sendParts(exchange.response, jsonAnswer(call, answer))
  }
}

/** XML-RPC. */
export function xmlRpc(caller: Caller): HttpHandler {
  return async (exchange) => {
    const body = await readBody(exchange)
    if (body === undefined) return
    const call = parseXmlCall(body.text)
    if (!call) return sendText(exchange.response, 500, 'Not an XML-RPC call.')
    const answer = body.valid ? await callOf(caller, exchange, call) : notUtf8(call.params)
    if (exchange.response.destroyed) return
    exchange.response.writeHead(200, { ...crossOrigin, 'content-type': 'text/xml' })
    await sendParts(exchange.response, xmlAnswer(call.method, answer))
  }
}

/** The call in a body; `undefined` for a body that is none: the answer says what a client can use of it. */
function parseJsonCall(text: string): JsonRpcCall | undefined {
  try {
    // Unlike JSON.parse it takes NaN, and rounds no integer of 64 bits.
    return decodeJsonRpcRequest(text)
  } catch (error) {
    if (!isAppError(error, 'xapi.bad_json')) throw error
    return undefined
  }
}

async function callOf(
  caller: Caller,
  { request, response, host }: HttpExchange,
  call: { method: string; params: readonly unknown[] },
): Promise<Answer> {
  const hungUp = new AbortController()
  response.once('close', () => hungUp.abort())
  return await caller.call({
    host,
    method: call.method,
    params: call.params,
    signal: hungUp.signal,
    client: { userAgent: request.headers['user-agent'], originator: headerText(request.headers['originator']) },
  })
}

function headerText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

function jsonAnswer({ id, version }: JsonRpcCall, answer: Answer): string[] {
  const end = `,"id":${writeJson(id)}}`
  if (version === '1.0') {
    if (answer.ok) return concatParts('{"result":', jsonParts(answer.type, answer.value), `,"error":null${end}`)
    return [`{"result":null,"error":${JSON.stringify([answer.code, ...answer.params])}${end}`]
  }
  if (answer.ok) return concatParts('{"jsonrpc":"2.0","result":', jsonParts(answer.type, answer.value), end)
  const error = { code: 1, message: answer.code, data: answer.params }
  return [`{"jsonrpc":"2.0","error":${JSON.stringify(error)}${end}`]
}

/** Not a spread: a result may have hundreds of thousands of parts. */
function concatParts(head: string, parts: string[], end: string): string[] {
  parts[0] = head + (parts[0] ?? '')
  parts.push(end)
  return parts
}

function xmlAnswer(method: string, answer: Answer): string[] {
  const head = '<?xml version="1.0"?><methodResponse><params><param>'
  const end = '</param></params></methodResponse>'
  if (!answer.ok) {
    const values = [answer.code, ...answer.params].map((text) => `<value>${xmlText(text)}</value>`).join('')
    const failure = `<value><struct><member><name>Status</name><value>Failure</value></member><member><name>ErrorDescription</name><value><array><data>${values}</data></array></value></member></struct></value>`
    return [head, failure, end]
  }
  const parts = xmlParts(answer.type, answer.value)
  if (method === 'system.listMethods') return concatParts(head, parts, end)
  return concatParts(
    `${head}<value><struct><member><name>Status</name><value>Success</value></member><member><name>Value</name>`,
    parts,
    `</member></struct></value>${end}`,
  )
}

/** The body as text; not `valid` when it is not UTF-8. Answers 413 itself when the body is too long. */
async function readBody({ request, response }: HttpExchange): Promise<{ text: string; valid: boolean } | undefined> {
  const parts: Buffer[] = []
  let length = 0
  request.setTimeout(bodySilence, () => request.destroy())
  try {
    if (Number(request.headers['content-length'] ?? 0) > maxBody) return await refuseBody(request, response)
    // Without an encoding a request yields buffers.
    for await (const part of request as AsyncIterable<Buffer>) {
      parts.push(part)
      length += part.length
      if (length > maxBody) return await refuseBody(request, response)
    }
  } catch {
    // The client has gone: there is nobody to answer.
    response.destroy()
    return undefined
  }
  // The answer may take as long as it takes.
  request.setTimeout(0)
  const bytes = Buffer.concat(parts)
  return { text: bytes.toString('utf8'), valid: isUtf8(bytes) }
}

async function refuseBody(request: IncomingMessage, response: ServerResponse): Promise<undefined> {
  sendText(response, 413, `A call may be ${maxBody} bytes long.`, { connection: 'close' })
  await once(response, 'close')
  request.destroy()
  return undefined
}

function notUtf8(params: readonly unknown[]): Answer {
  const bad = params.find((param): param is string => typeof param === 'string' && param.includes('\ufffd'))
  return { ok: false, code: 'INVALID_VALUE', params: ['Invalid UTF-8 string in parameter', bad ?? ''] }
}
