import { describe, expect, test } from 'vitest'
import type { WireType } from '../model/wire-type.ts'
import { jsonParts } from './json-encode.ts'
import { parseXmlCall } from './xml-decode.ts'
import { xmlParts } from './xml-encode.ts'

const text: WireType = { kind: 'string' }
const nbd: WireType = { kind: 'set', of: { kind: 'record', class: 'vdi_nbd_server_info' } }
const info = { exportname: '/x', address: '10.0.0.1', port: 10809, cert: '', subject: 'a & b' }

/** What a client reads from the XML. */
function readBack(type: WireType, value: unknown): unknown {
  const xml = xmlParts(type, value).join('')
  return parseXmlCall(`<methodCall><methodName>x</methodName><params><param>${xml}</param></params></methodCall>`)
    ?.params[0]
}

describe('values on the wire', () => {
  test.each<[string, WireType, unknown, string]>([
    ['a text', text, 'a"\u0001\ud800', '"a\\"\\u0001\\ud800"'],
    ['nothing', { kind: 'void' }, undefined, '""'],
    ['a large integer', { kind: 'int' }, 2 ** 53 - 1, '9007199254740991'],
    ['no number', { kind: 'float' }, NaN, 'NaN'],
    ['infinity', { kind: 'float' }, -Infinity, '-Infinity'],
    ['a date', { kind: 'datetime' }, 0, '"19700101T00:00:00Z"'],
    ['a computed set', { kind: 'set', of: text }, new Set(['b', 'a']), '["b","a"]'],
    ['empty ones', { kind: 'map', key: text, value: { kind: 'set', of: text } }, { a: [] }, '{"a":[]}'],
    ['no option', { kind: 'option', of: text }, null, 'null'],
    ['a record without a row', nbd, [info], JSON.stringify([{ ...info }])],
  ])('are in JSON: %s', (_name, type, value, expected) => {
    const json = jsonParts(type, value).join('')
    expect(type === nbd ? JSON.parse(json) : json).toEqual(type === nbd ? JSON.parse(expected) : expected)
  })

  test.each<[string, WireType, unknown, unknown]>([
    ['a text without what XML can not hold', text, 'a <&> \u0001\ud800\u{1f600}', 'a <&> \u{1f600}'],
    ['nothing', { kind: 'void' }, undefined, ''],
    ['an integer, as text', { kind: 'int' }, 2 ** 53 - 1, '9007199254740991'],
    ['a number', { kind: 'float' }, 0.5, 0.5],
    ['a boolean', { kind: 'bool' }, true, true],
    ['a date', { kind: 'datetime' }, 0, '19700101T00:00:00Z'],
    ['a map', { kind: 'map', key: text, value: { kind: 'set', of: text } }, { a: ['b'] }, { a: ['b'] }],
    ['no option', { kind: 'option', of: text }, null, null],
    ['a record without a row', nbd, [info], [{ ...info, port: '10809' }]],
  ])('are in XML: %s', (_name, type, value, expected) => {
    expect(readBack(type, value)).toEqual(expected)
  })
})
