import { expect, test } from 'vitest'
import { cut, plain, widthOf } from './plain.ts'
import { formatTable } from './table.ts'

test('what could move the cursor of a terminal is shown instead', () => {
  expect(plain('a\u001B[2Jb\nc\u202Ed\té')).toBe(String.raw`a\u001b[2Jb\nc\u202ed é`)
})

test.each([
  ['abc', 3],
  ['日本', 4],
  ['e\u0301', 1],
  ['🙂', 2],
])('%s takes %d columns', (text, width) => expect(widthOf(text)).toBe(width))

test('a text is cut to fit, and says so', () => {
  expect([cut('abcdef', 4), cut('abc', 3), cut('日本語', 5)]).toEqual(['abc…', 'abc', '日本…'])
})

test('a table is fitted into the terminal by the columns that may be cut', () => {
  const rows = [{ name: 'a'.repeat(40), id: 'i'.repeat(30) }]
  const columns = [
    { title: 'NAME', text: ({ name }: { name: string }) => name, cuttable: true },
    { title: 'ID', text: ({ id }: { id: string }) => id },
  ]
  const lines = formatTable(rows, columns, 60).split('\n')
  expect(lines[1]).toBe(`${'a'.repeat(27)}…  ${'i'.repeat(30)}`)
  // Where it cannot fit, nothing is lost.
  expect(formatTable(rows, columns, 20)).toContain('i'.repeat(30))
})
