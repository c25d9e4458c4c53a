import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dataModel } from '../model/model.ts'
import type { WireType } from '../model/wire-type.ts'
import { databaseText, parseDatabaseText, protect, unprotect } from './database-text.ts'

const model = dataModel()
const text: WireType = { kind: 'string' }

describe('values of the database', () => {
  test('come back as they were', () => {
    const key = fc.string({ unit: 'binary' })
    const cases: [WireType, fc.Arbitrary<unknown>][] = [
      [text, key],
      [{ kind: 'int' }, fc.maxSafeInteger()],
      [{ kind: 'bool' }, fc.boolean()],
      [{ kind: 'datetime' }, fc.nat().map((seconds) => seconds * 1000)],
      [{ kind: 'float' }, fc.oneof(fc.integer(), fc.constantFrom(0.25, Number.NaN, Infinity, -Infinity))],
      [{ kind: 'set', of: text }, fc.array(key)],
      [{ kind: 'map', key: text, value: text }, fc.dictionary(key, key, { noNullPrototype: true })],
      [
        { kind: 'map', key: text, value: { kind: 'set', of: text } },
        fc.dictionary(key, fc.array(key), { noNullPrototype: true }),
      ],
    ]
    for (const [type, values] of cases) {
      fc.assert(
        fc.property(values, (value) => {
          const written = protect(databaseText(type, value))
          expect(written).not.toMatch(/[ \t\r\n]/)
          expect(parseDatabaseText(model, type, unprotect(written), 'x')).toEqual(value)
        }),
      )
    }
  })

  test.each(['', "('a'", "'a')", '(a)', "('a' b)", '((()))', "('a'))", "('a') ('b')", "(''"])(
    'refuse the list %s',
    (bad) => {
      expect(() => parseDatabaseText(model, { kind: 'map', key: text, value: text }, bad, 'x')).toThrow(
        'INTERNAL_ERROR',
      )
    },
  )

  test('blanks are written as XAPI writes them', () => {
    expect(protect('a b\t100%\r\n')).toBe('a%.b%t100%%%r%n')
    // Two blanks of older hosts.
    expect(unprotect('a%_b%.c%x')).toBe('a  b c%x')
  })
})
