import { isRecord } from '@nixen/core'
import { fieldsOf } from '../values/schema.ts'
import { parseType, type XapiType } from '../values/type.ts'
import { escapeXml } from './xml-characters.ts'

export interface XmlWriteOptions {
  /**
   * Type of the value in the grammar of the data model. Only with it can a date be told from text, or a float without a fraction from an
   * integer.
   */
  readonly type?: string | undefined
  /** `host` writes integers as untyped text, as XAPI does; `client` (the default) as `<int>` or `<i8>`. */
  readonly as?: 'host' | 'client' | undefined
}

const untyped: XapiType = { kind: 'any' }

/** `<value>…</value>` of a wire value. */
export function writeXmlValue(value: unknown, { type, as = 'client' }: XmlWriteOptions = {}): string {
  return write(value, type === undefined ? untyped : parseType(type), as === 'host')
}

function write(value: unknown, type: XapiType, host: boolean): string {
  if (typeof value === 'string') return type.kind === 'datetime' ? typed('dateTime.iso8601', value) : untypedText(value)
  if (typeof value === 'boolean') return typed('boolean', value ? '1' : '0')
  if (typeof value === 'number') return writeNumber(value, type, host)
  if (typeof value === 'bigint') return host ? untypedText(String(value)) : typed('i8', String(value))
  if (value === null || value === undefined) return '<value><nil/></value>'
  if (Array.isArray(value)) {
    const of = type.kind === 'set' || type.kind === 'option' ? type.of : untyped
    const items = value.map((item) => write(item, of, host))
    return `<value><array><data>${items.join('')}</data></array></value>`
  }
  if (!isRecord(value)) throw new TypeError(`No XML-RPC for a ${typeof value}`)
  return writeStruct(value, type, host)
}

function writeStruct(value: Readonly<Record<string, unknown>>, type: XapiType, host: boolean): string {
  const fields = type.kind === 'record' ? fieldsOf(type.class) : undefined
  const otherwise = type.kind === 'map' ? type.value : untyped
  const entries: Iterable<readonly [unknown, unknown]> = value instanceof Map ? value : Object.entries(value)
  let members = ''
  for (const [key, item] of entries) {
    if (item === undefined) continue
    const name = String(key)
    members += `<member><name>${escapeXml(name)}</name>${write(item, fields?.get(name) ?? otherwise, host)}</member>`
  }
  return `<value><struct>${members}</struct></value>`
}

function writeNumber(value: number, type: XapiType, host: boolean): string {
  if (type.kind === 'float' || !Number.isSafeInteger(value)) return typed('double', floatText(value))
  if (host) return untypedText(String(value))
  return typed(Math.abs(value) < 2 ** 31 ? 'int' : 'i8', String(value))
}

/** The spelling of C, which OCaml reads. */
function floatText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value)
  if (Number.isNaN(value)) return 'nan'
  return value > 0 ? 'inf' : '-inf'
}

function untypedText(text: string): string {
  return `<value>${escapeXml(text)}</value>`
}

function typed(name: string, text: string): string {
  return `<value><${name}>${escapeXml(text)}</${name}></value>`
}
