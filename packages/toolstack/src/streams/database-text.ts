import { XapiError } from '@nixen/xapi'
import type { Model } from '../model/model.ts'
import type { WireType } from '../model/wire-type.ts'
import { formatDate } from '../wire/dates.ts'
import { decodeParam } from '../wire/decode.ts'

// Values in the form of XAPI's database: sets and maps are lists in parentheses, strings in them are quoted.

/** A value as the database keeps it. */
export function databaseText(type: WireType, value: unknown): string {
  if (type.kind === 'datetime') return formatDate(Number(value))
  if (type.kind === 'set') {
    // Sets of the model are iterable.
    return `(${[...(value as Iterable<unknown>)].map((item) => quoted(databaseText(type.of, item))).join(' ')})`
  }
  if (type.kind === 'map') {
    const pairs = Object.entries((value ?? {}) as Record<string, unknown>)
    return `(${pairs.map(([key, entry]) => `(${quoted(key)} ${quoted(databaseText(type.value, entry))})`).join(' ')})`
  }
  if (type.kind === 'float') return String(value)
  return typeof value === 'string' ? value : JSON.stringify(value ?? '')
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`
}

/** The value that a text of the database stands for. `INTERNAL_ERROR` or `INVALID_VALUE` when it is none of the type. */
export function parseDatabaseText(model: Model, type: WireType, text: string, name: string): unknown {
  return decodeParam(model, type, wireValue(type, text, name), name)
}

function wireValue(type: WireType, text: string, name: string): unknown {
  switch (type.kind) {
    case 'bool':
      return text === 'true' ? true : text === 'false' ? false : text
    case 'set':
      return parseList(text, name).map((item) => (typeof item === 'string' ? wireValue(type.of, item, name) : item))
    case 'map': {
      const pairs = parseList(text, name).map((pair): [string, unknown] => {
        const [key, value] = pair
        if (typeof pair === 'string' || typeof key !== 'string' || typeof value !== 'string') throw notAList(name, text)
        return [key, wireValue(type.value, value, name)]
      })
      return Object.fromEntries(pairs)
    }
    case 'option':
      return text === '' ? null : wireValue(type.of, text, name)
    case 'string':
    case 'secret':
    case 'enum':
    case 'ref':
    case 'int':
    case 'float':
    case 'datetime':
    case 'record':
    case 'struct':
    case 'void':
      return text
  }
}

type Item = string | readonly Item[]

/** Lists may hold lists, which hold strings. */
const maxDepth = 2

function parseList(text: string, name: string): readonly Item[] {
  const token = /\s*(?:([()])|'((?:[^'\\]|\\.)*)')/gsy
  const stack: Item[][] = [[]]
  const end = /\s*$/y
  for (;;) {
    end.lastIndex = token.lastIndex
    if (end.test(text)) break
    const match = token.exec(text)
    const top = stack.at(-1)
    if (!match || !top) throw notAList(name, text)
    const [, bracket, string] = match
    if (bracket === '(') {
      const inner: Item[] = []
      top.push(inner)
      stack.push(inner)
    } else if (bracket === ')') stack.pop()
    else top.push((string ?? '').replace(/\\(.)/gs, '$1'))
    if (stack.length === 0 || stack.length > maxDepth + 1) throw notAList(name, text)
  }
  const [list] = stack[0] ?? []
  if (stack.length !== 1 || stack[0]?.length !== 1 || typeof list !== 'object') throw notAList(name, text)
  return list
}

function notAList(name: string, text: string): XapiError {
  return new XapiError('INTERNAL_ERROR', [`${name} is no list of the database: ${text.slice(0, 100)}`])
}

const protections: Readonly<Record<string, string>> = { ' ': '%.', '\t': '%t', '\n': '%n', '\r': '%r', '%': '%%' }
const characters: Readonly<Record<string, string>> = { '.': ' ', _: '  ', t: '\t', n: '\n', r: '\r', '%': '%' }

/** Protects what readers of XML attributes change: blanks and line ends. */
export function protect(text: string): string {
  return text.replace(/[ \t\n\r%]/g, (character) => protections[character] ?? character)
}

export function unprotect(text: string): string {
  return text.replace(/%([._tnr%])/g, (all, code: string) => characters[code] ?? all)
}
