import { isXapiError } from '@nixen/xapi'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Database } from '../db/database.ts'
import { dataModel } from '../model/model.ts'
import { compileFilter } from './filter.ts'

const db = new Database({ model: dataModel() })
const { cls, rows } = db.table('VM')
for (const [name_label, is_a_template] of [
  ['a', true],
  ['b', false],
  ['it\'s "c"', false],
] as const) {
  db.insert('VM', { name_label, is_a_template, HVM_boot_policy: name_label === 'a' ? '' : 'BIOS order' })
}

function found(expression: string): string[] {
  const matches = compileFilter(cls, expression)
  return [...rows.values()].filter(matches).map((row) => String(row.values['name_label']))
}

function outcome(expression: string): string {
  try {
    found(expression)
    return 'found'
  } catch (error) {
    return isXapiError(error) ? error.code : String(error)
  }
}

describe('filters', () => {
  test.each([
    ['true', ['a', 'b', 'it\'s "c"']],
    ['false', []],
    ['field "name__label" = "a"', ['a']],
    ['field "name_label"="it\'s \\"c\\""', ['it\'s "c"']],
    ['"b" = field "name__label"', ['b']],
    ['not field "is_a_template" = "true"', ['b', 'it\'s "c"']],
    ['field "name__label"="a" or field "name__label"="b" and false', ['a']],
    ['(field "name__label"="a" or field "name__label"="b") and true', ['a', 'b']],
    ['field "HVM__boot_policy" = ""', ['a']],
  ])('%s finds %j', (expression, expected) => {
    expect(found(expression)).toEqual(expected)
  })

  test.each([
    '',
    'field',
    'field "none" = "x"',
    '"a"',
    '(true',
    'true)',
    'not',
    'true true',
    `${'('.repeat(5000)}true`,
    'a;b',
  ])('refuses %j', (expression) => {
    expect(() => compileFilter(cls, expression)).toThrow('INVALID_VALUE')
  })

  test('never fail with anything but INVALID_VALUE', () => {
    const word = fc.constantFrom(
      'field',
      '"name__label"',
      '=',
      'and',
      'or',
      'not',
      '(',
      ')',
      'true',
      '"x"',
      "'y'",
      '"',
      '\\',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        expect(['found', 'INVALID_VALUE']).toContain(outcome(words.join(' ')))
      }),
      { numRuns: 500 },
    )
  })
})
