import type { WireType } from '../model/wire-type.ts'
import { formatDate } from './dates.ts'
import { recordParts } from './record-parts.ts'

/** XML-RPC text of a value, `<value>…</value>`, in parts. Integers are untyped strings, as XAPI writes them. */
export function xmlParts(type: WireType, value: unknown): string[] {
  const out: string[] = []
  writeValue(type, value, out)
  return out
}

/** Text content: markup is escaped, control characters that XML can't hold are dropped. */
export function xmlText(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '')
    .replace(/[&<>"']/g, (character) => escapes[character] ?? '')
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

function writeValue(type: WireType, value: unknown, out: string[]): void {
  out.push('<value>')
  writeContent(type, value, out)
  out.push('</value>')
}

function writeContent(type: WireType, value: unknown, out: string[]): void {
  switch (type.kind) {
    case 'void':
      return
    case 'string':
    case 'secret':
    case 'enum':
    case 'ref':
    case 'int':
      out.push(xmlText(String(value)))
      return
    case 'float':
      out.push(`<double>${floatText(Number(value))}</double>`)
      return
    case 'bool':
      out.push(`<boolean>${value === true ? 1 : 0}</boolean>`)
      return
    case 'datetime':
      out.push(`<dateTime.iso8601>${formatDate(Number(value))}</dateTime.iso8601>`)
      return
    case 'set':
      out.push('<array><data>')
      for (const item of value as Iterable<unknown>) writeValue(type.of, item, out)
      out.push('</data></array>')
      return
    case 'option':
      if (value === null) out.push('<nil/>')
      else writeContent(type.of, value, out)
      return
    case 'map':
      writeStruct(mapEntries(value), () => type.value, out)
      return
    case 'struct':
      writeStruct(mapEntries(value), (name) => type.members[name], out)
      return
    case 'record': {
      const { cls, values } = recordParts(type.class, value)
      writeStruct(
        cls.visibleFields.map((field) => [field.name, values[field.name]] as const),
        (name) => cls.field.get(name)?.type,
        out,
      )
    }
  }
}

function mapEntries(value: unknown): Iterable<readonly [string, unknown]> {
  return value instanceof Map ? value : Object.entries(value as Record<string, unknown>)
}

function writeStruct(
  entries: Iterable<readonly [string, unknown]>,
  typeOf: (name: string) => WireType | undefined,
  out: string[],
): void {
  out.push('<struct>')
  for (const [name, value] of entries) {
    const type = typeOf(name)
    if (value === undefined || !type) continue
    out.push(`<member><name>${xmlText(name)}</name>`)
    writeValue(type, value, out)
    out.push('</member>')
  }
  out.push('</struct>')
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  return String(value)
}
