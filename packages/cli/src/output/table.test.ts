import { expect, test } from 'vitest'
import { formatFields, formatTable } from './table.ts'

test('a table aligns its columns and ends its lines without blanks', () => {
  const rows = [
    { name: 'web', size: 8 },
    { name: 'database', size: 1024 },
  ]
  const text = formatTable(rows, [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'SIZE', text: ({ size }) => String(size), align: 'right' },
  ])
  expect(text).toBe('NAME      SIZE\nweb          8\ndatabase  1024')
})

test('a table without rows is its titles', () => {
  expect(formatTable([], [{ title: 'NAME', text: String }])).toBe('NAME')
})

test('fields line up, and absent ones are left out', () => {
  expect(
    formatFields([
      ['size', '8 GiB'],
      ['backing file', undefined],
      ['format', 'vhd'],
    ]),
  ).toBe('size:   8 GiB\nformat: vhd')
})
