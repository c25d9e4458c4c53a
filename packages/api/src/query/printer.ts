import { assertNever } from '@nixen/core'
import type { Query, Term, Value } from './ast.ts'

/** Writes a query, so that parsing it gives the same one. */
export function printQuery(query: Query): string {
  switch (query.kind) {
    case 'all':
      return ''
    case 'and':
      return query.of
        .map((part) => (part.kind === 'and' || part.kind === 'or' ? `(${printQuery(part)})` : printQuery(part)))
        .join(' ')
    case 'or':
      return query.of.map((part) => (part.kind === 'or' ? `(${printQuery(part)})` : printQuery(part))).join(' or ')
    case 'not':
      return query.of.kind === 'and' || query.of.kind === 'or'
        ? `!(${printQuery(query.of)})`
        : `!${printQuery(query.of)}`
    case 'term':
      return printTerm(query)
    default:
      return assertNever(query, 'query')
  }
}

/** Text as it is written in a query: as it is when that is a plain word, otherwise in quotes. What completion puts in. */
export function printText(text: string): string {
  const plain = /^[^\s()",:!/<>=*][^\s()",:*]*$/.test(text) && !/^(and|or|not)$/i.test(text) && !text.includes('..')
  return plain ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

function printTerm({ field, operator, values }: Term): string {
  const list = values.map(printValue).join(',')
  return field ? `${field.name}:${operator === ':' ? '' : operator}${list}` : list
}

function printValue(value: Value): string {
  switch (value.kind) {
    case 'word':
      return value.text
    case 'quoted':
      return `"${value.text.replaceAll(/["\\]/g, '\\$&')}"`
    case 'regex':
      return `/${value.source}/${value.ignoreCase ? 'i' : ''}`
    default:
      return assertNever(value, 'value')
  }
}
