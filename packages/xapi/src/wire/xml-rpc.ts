import { isRecord } from '@nixen/core'
import { decodeValue } from '../values/decode.ts'
import { encodeValue } from '../values/encode.ts'
import type { RpcOutcome } from './rpc-outcome.ts'
import { readText, readXmlValue, xmlReader, type XmlLimits, type XmlReader } from './xml-read.ts'
import { escapeXml } from './xml-characters.ts'
import { writeXmlValue } from './xml-write.ts'

const declaration = '<?xml version="1.0"?>'

/** A call as it comes over the wire: raw values, integers as numbers or (beyond 2^53) `bigint`. */
export interface XmlRpcCall {
  readonly method: string
  readonly params: readonly unknown[]
}

/** Body of a call. `params` hold wire values. */
export function encodeXmlRpcCall(method: string, params: readonly unknown[]): string {
  const list = params.map((param) => `<param>${writeXmlValue(param)}</param>`).join('')
  return `${declaration}<methodCall><methodName>${escapeXml(method)}</methodName><params>${list}</params></methodCall>`
}

/** Reads a call; `xapi.bad_xml` for anything else. */
export function decodeXmlRpcCall(text: string, limits?: XmlLimits): XmlRpcCall {
  const reader = xmlReader(text, limits)
  const { scanner } = reader
  if (scanner.open('methodCall') === 'empty') scanner.fail('a call without a method')
  scanner.blanks()
  const method = readText(scanner, 'methodName').trim()
  scanner.blanks()
  const params = scanner.tryOpen('params') === 'open' ? readParams(reader) : []
  scanner.blanks()
  scanner.close('methodCall')
  scanner.end()
  return { method, params }
}

/**
 * Body of XAPI's answer.
 *
 * @param type of the result: lets dates and floats be written as such
 * @param bare the result without the `Status` struct around it, as `system.listMethods` answers
 */
export function encodeXmlRpcResponse(
  outcome: RpcOutcome,
  { type, bare = false }: { type?: string | undefined; bare?: boolean } = {},
): string {
  const value = outcome.ok
    ? writeXmlValue(outcome.result ?? '', { type, as: 'host' })
    : writeXmlValue([outcome.code, ...outcome.params], { as: 'host' })
  const [status, name] = outcome.ok ? ['Success', 'Value'] : ['Failure', 'ErrorDescription']
  const body =
    bare && outcome.ok
      ? value
      : `<value><struct><member><name>Status</name><value>${status}</value></member><member><name>${name}</name>${value}</member></struct></value>`
  return `${declaration}<methodResponse><params><param>${body}</param></params></methodResponse>`
}

/** Body of a fault, which XAPI sends for what never became a call. */
export function encodeXmlRpcFault(faultCode: number, faultString: string): string {
  return `${declaration}<methodResponse><fault>${writeXmlValue({ faultCode, faultString })}</fault></methodResponse>`
}

/**
 * Reads an answer: XAPI's `Status` struct, a bare value (`system.listMethods`), or a fault, which becomes the error `Fault` with the code and the
 * text. The result is raw: hand it to `decodeValue`.
 */
export function decodeXmlRpcResponse(text: string, limits?: XmlLimits): RpcOutcome {
  const reader = xmlReader(text, limits)
  const { scanner } = reader
  if (scanner.open('methodResponse') === 'empty') scanner.fail('an answer without a value')
  scanner.blanks()
  const fault = scanner.tryOpen('fault') === 'open'
  if (!fault && scanner.open('params') === 'empty') scanner.fail('an answer without a value')
  const values = fault ? [readFault(reader)] : readParams(reader)
  scanner.blanks()
  scanner.close('methodResponse')
  scanner.end()
  if (values.length !== 1) scanner.fail(`an answer with ${values.length} values`)
  return fault ? faultOutcome(values[0]) : outcomeOf(values[0])
}

/** Reads a document that is one `<value>`, such as `task.result` or `ova.xml`. The value is raw. */
export function decodeXmlRpcValue(text: string, limits?: XmlLimits): unknown {
  const reader = xmlReader(text, limits)
  const value = readXmlValue(reader)
  reader.scanner.end()
  return value
}

/**
 * The result of a task: `task.result` is XML-RPC text even over JSON-RPC, and empty for no result.
 *
 * @param type of the result; without it the raw value
 */
export function decodeTaskResult(text: string, type?: string): unknown {
  const raw = text.trim() === '' ? '' : decodeXmlRpcValue(text)
  return type === undefined ? raw : decodeValue(type, raw, 'task.result')
}

/** What `task.result` holds for a value of ours: the inverse of `decodeTaskResult`. */
export function encodeTaskResult(value: unknown, type: string): string {
  return writeXmlValue(encodeValue(type, value, 'task.result'), { type, as: 'host' })
}

function readParams(reader: XmlReader): unknown[] {
  const { scanner } = reader
  const params: unknown[] = []
  for (scanner.blanks(); scanner.tryOpen('param') === 'open'; scanner.blanks()) {
    scanner.blanks()
    params.push(readXmlValue(reader))
    scanner.blanks()
    scanner.close('param')
  }
  scanner.close('params')
  return params
}

function readFault(reader: XmlReader): unknown {
  reader.scanner.blanks()
  const value = readXmlValue(reader)
  reader.scanner.blanks()
  reader.scanner.close('fault')
  return value
}

function faultOutcome(value: unknown): RpcOutcome {
  const { faultCode, faultString }: Record<string, unknown> = isRecord(value) ? value : {}
  const code = typeof faultCode === 'number' ? String(faultCode) : ''
  return { ok: false, code: 'Fault', params: [code, typeof faultString === 'string' ? faultString : ''] }
}

function outcomeOf(value: unknown): RpcOutcome {
  if (!isRecord(value) || typeof value['Status'] !== 'string') return { ok: true, result: value }
  if (value['Status'] === 'Success') return { ok: true, result: value['Value'] ?? '' }
  const description = value['ErrorDescription']
  const [code = 'INTERNAL_ERROR', ...params] = Array.isArray(description) ? description.map(String) : []
  return { ok: false, code, params }
}
