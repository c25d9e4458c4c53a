import { expect, test } from 'vitest'
import { csvOf } from './export-rows.ts'

test('rows become a table with all fields; nothing in it is a formula', () => {
  const rows = [
    { name: 'a, "b"', tags: ['x'], memory: -1 },
    { name: '=HYPERLINK("evil")', host: 'h\nost' },
  ]
  expect(csvOf(rows)).toBe(
    'name,tags,memory,host\r\n"a, ""b""","[""x""]",-1,\r\n"\'=HYPERLINK(""evil"")",,,"h\nost"\r\n',
  )
})
