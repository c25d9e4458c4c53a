import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allZero, dataRuns } from './index.ts'

const piece = fc.record({ length: fc.integer({ min: 1, max: 300_000 }), value: fc.constantFrom(0, 0, 1) })

test('what lies between the runs is zeros, ends are on the grid, and gaps are worth it', () => {
  const property = fc.property(
    fc.array(piece, { maxLength: 8 }),
    fc.constantFrom(1, 512, 65_536, 2 ** 20),
    (pieces, granularity) => {
      const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
      let at = 0
      for (const { length, value } of pieces) bytes.fill(value, at, (at += length))
      const step = Math.max(4096, granularity)
      let end = 0
      for (const run of dataRuns(bytes, granularity)) {
        expect(allZero(bytes.subarray(end, run.start))).toBe(true)
        expect(run.start % step).toBe(0)
        expect(run.end % step === 0 || run.end === bytes.length).toBe(true)
        expect(end === 0 || run.start - end >= 65_536).toBe(true)
        end = run.end
      }
      expect(allZero(bytes.subarray(end))).toBe(true)
    },
  )
  fc.assert(property, { numRuns: 100 })
})

test.each([0, 1, 4095, 4096, 2 * 1024 * 1024, 5_000_001])(
  'one byte among %i zeros is seen wherever it is',
  (length) => {
    const bytes = new Uint8Array(length + 1)
    expect(allZero(bytes)).toBe(true)
    bytes[length] = 1
    expect(allZero(bytes)).toBe(false)
  },
)
