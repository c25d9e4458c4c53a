import { cpuTimeOf } from '@nixen/testkit/cpu-time'
import { describe, expect, test } from 'vitest'
import { StringTable } from './string-table.ts'

const hashOf = (text: string): number => {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}
const find = (table: StringTable, text: string): string | undefined => {
  const bytes = new TextEncoder().encode(`"${text}"`)
  return table.lookup(bytes, 1, bytes.length - 1, hashOf(text))
}

describe('a table of strings', () => {
  test('finds what was added, and nothing else', () => {
    const table = new StringTable()
    const texts = Array.from({ length: 20_000 }, (_, i) => `OpaqueRef:${i}`)
    for (const text of texts) table.add(text, hashOf(text))
    expect(texts.filter((text) => find(table, text) !== text).length).toBeLessThan(20)
    expect(find(table, 'OpaqueRef:20000')).toBeUndefined()
    expect(find(table, '')).toBeUndefined()
  })

  test('keeps texts of one hash apart', () => {
    const table = new StringTable()
    const bytes = new TextEncoder().encode('AaBBCC')
    table.add('Aa', 7)
    table.add('BB', 7)
    expect([table.lookup(bytes, 0, 2, 7), table.lookup(bytes, 2, 4, 7), table.lookup(bytes, 4, 6, 7)]).toEqual([
      'Aa',
      'BB',
      undefined,
    ])
  })

  test('holds no more than its limit, and searches no further than a few places', async () => {
    const table = new StringTable(10)
    for (let i = 0; i < 100; i++) table.add(`${i}`, i)
    expect(
      Array.from({ length: 100 }, (_, i) => find(table, `${i}`)).filter((text) => text !== undefined).length,
    ).toBeLessThanOrEqual(10)
    const crowded = new StringTable()
    const cpuTime = await cpuTimeOf(() => {
      for (let i = 0; i < 100_000; i++) crowded.add(`${i}`, 5)
    })
    expect(cpuTime).toBeLessThan(5000)
  })
})
