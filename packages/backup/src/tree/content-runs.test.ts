import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ContentScanner } from './content-scanner.ts'

const seed = Number(process.env['NIXEN_SEED'] ?? 5)

test('reads runs of one id like single ids, wherever the stream is cut', () => {
  const id = fc.constantFrom('00', '0a', 'ff').map((byte) => byte.repeat(32))
  const runs = fc.array(fc.tuple(id, fc.integer({ min: 1, max: 40 })), { maxLength: 12 })
  fc.assert(
    fc.property(runs, fc.integer({ min: 1, max: 3000 }), fc.constantFrom(',', ', ', ' ,'), (runs, cut, separator) => {
      const ids = runs.flatMap(([id, count]) => Array<string>(count).fill(id))
      const json = Buffer.from(
        `{"nodes":[{"name":"a","content":[${ids.map((id) => `"${id}"`).join(separator)}],"x":1}]}`,
      )
      const scanner = new ContentScanner()
      for (let at = 0; at < json.length; at += cut) expect(scanner.push(json.subarray(at, at + cut))).toBe(true)
      expect([...scanner.contents[0]!]).toEqual(ids)
      expect(JSON.parse(scanner.rest())).toEqual({ nodes: [{ name: 'a', content: 0, x: 1 }] })
    }),
    { seed },
  )
})

test('still refuses what is no list of ids after a run', () => {
  const entry = `"${'0'.repeat(64)}",`
  const scanner = new ContentScanner()
  expect(scanner.push(Buffer.from(`{"content":[${entry.repeat(5)}"zz"]}`))).toBe(false)
})
