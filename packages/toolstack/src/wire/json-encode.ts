import { MutableRow } from '../db/row.ts'
import type { ClassModel } from '../model/model.ts'
import type { WireType } from '../model/wire-type.ts'
import { formatDate } from './dates.ts'
import { recordParts } from './record-parts.ts'

type Writer = (value: unknown, out: string[]) => void

const writers = new WeakMap<WireType, Writer>()
const recordWriters = new WeakMap<
  ClassModel,
  readonly { readonly key: string; readonly name: string; write: Writer }[]
>()

/**
 * JSON text of a result as parts in order, so that a result of many records is never one huge string. A record may be a row of the
 * database: its text is made once and kept until the row changes.
 */
export function jsonParts(type: WireType, value: unknown): string[] {
  const out: string[] = []
  writerOf(type)(value, out)
  return out
}

/** JSON text of a row's record. */
export function recordJson(row: MutableRow): string {
  return (row.json ??= writeFields(row.cls, row.values))
}

function writeFields(cls: ClassModel, values: Readonly<Record<string, unknown>>): string {
  let fields = recordWriters.get(cls)
  if (!fields) {
    fields = cls.visibleFields.map((f) => ({
      key: `${JSON.stringify(f.name)}:`,
      name: f.name,
      write: writerOf(f.type),
    }))
    recordWriters.set(cls, fields)
  }
  const out: string[] = []
  let separator = '{'
  for (const { key, name, write } of fields) {
    if (values[name] === undefined) continue
    out.push(separator, key)
    write(values[name], out)
    separator = ','
  }
  return out.length === 0 ? '{}' : `${out.join('')}}`
}

function writerOf(type: WireType): Writer {
  let writer = writers.get(type)
  if (!writer) {
    writer = makeWriter(type)
    writers.set(type, writer)
  }
  return writer
}

function makeWriter(type: WireType): Writer {
  switch (type.kind) {
    case 'void':
      return (_, out) => void out.push('""')
    case 'string':
    case 'secret':
    case 'enum':
    case 'ref':
      return (value, out) => void out.push(JSON.stringify(value))
    case 'int':
    case 'bool':
    // `NaN` and `Infinity` go out bare, as the host's own encoder does.
    case 'float':
      return (value, out) => void out.push(String(value))
    case 'datetime':
      return (value, out) => void out.push(`"${formatDate(Number(value))}"`)
    case 'set':
      return setWriter(writerOf(type.of))
    case 'map':
      return mapWriter(writerOf(type.value))
    case 'option': {
      const inner = writerOf(type.of)
      return (value, out) => (value === null ? void out.push('null') : inner(value, out))
    }
    case 'record':
      return (value, out) => {
        if (value instanceof MutableRow) return void out.push(recordJson(value))
        const { cls, values } = recordParts(type.class, value)
        out.push(writeFields(cls, values))
      }
    case 'struct':
      return structWriter(type.members)
  }
}

function setWriter(item: Writer): Writer {
  return (value, out) => {
    let separator = '['
    // Sets are arrays, or the computed side of a relation.
    for (const element of value as Iterable<unknown>) {
      out.push(separator)
      item(element, out)
      separator = ','
    }
    out.push(separator === '[' ? '[]' : ']')
  }
}

function mapWriter(write: Writer): Writer {
  return (value, out) => {
    let separator = '{'
    // A large map of records is a `Map`, the others are plain objects.
    for (const [key, entry] of value instanceof Map ? value : Object.entries(value as Record<string, unknown>)) {
      out.push(separator, JSON.stringify(String(key)), ':')
      write(entry, out)
      separator = ','
    }
    out.push(separator === '{' ? '{}' : '}')
  }
}

function structWriter(members: Readonly<Record<string, WireType>>): Writer {
  const fields = Object.entries(members).map(([name, type]) => ({ name, key: `"${name}":`, type }))
  return (value, out) => {
    const values = value as Record<string, unknown>
    let separator = '{'
    for (const { name, key, type } of fields) {
      if (values[name] === undefined) continue
      out.push(separator, key)
      writerOf(type)(values[name], out)
      separator = ','
    }
    out.push(separator === '{' ? '{}' : '}')
  }
}
