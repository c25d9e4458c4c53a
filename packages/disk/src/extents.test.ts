import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chunksOf, ExtentCursor, joinExtents, withZeros, type DiskSource, type Extent } from './index.ts'

interface Range {
  readonly offset: number
  readonly length: number
}

const piece = fc.record({ length: fc.integer({ min: 1, max: 5000 }), data: fc.boolean() })
const pieces = fc.array(piece, { maxLength: 30 })

function disk(
  parts: readonly { length: number; data: boolean }[],
): Pick<DiskSource, 'size' | 'extents'> & { data: Range[] } {
  const extents: Extent[] = []
  let size = 0
  for (const { length, data } of parts) {
    extents.push({ offset: size, length, kind: data ? 'data' : 'zero' })
    size += length
  }
  return {
    size,
    data: extents.filter(({ kind }) => kind === 'data').map(({ offset, length }) => ({ offset, length })),
    async *extents() {
      yield* extents
    },
  }
}

/** Joins ranges that meet, so that cuts do not matter. */
function joined(ranges: readonly Range[]): Range[] {
  const result: { offset: number; length: number }[] = []
  for (const { offset, length } of ranges) {
    const last = result.at(-1)
    if (last && last.offset + last.length === offset) last.length += length
    else result.push({ offset, length })
  }
  return result
}

describe('chunks of a disk', () => {
  test('cover it without gaps on a grid, and hold all of its data', async () => {
    const property = fc.asyncProperty(pieces, fc.constantFrom(512, 1000, 4096), async (parts, size) => {
      const source = disk(parts)
      const chunks = await Array.fromAsync(chunksOf(source, size))
      let end = 0
      for (const chunk of chunks) {
        expect(chunk.offset).toBe(end)
        expect(chunk.offset % size).toBe(0)
        expect(chunk.data.length === 0 || chunk.length <= size).toBe(true)
        end += chunk.length
      }
      expect(end).toBe(source.size)
      expect(joined(chunks.flatMap(({ data }) => data))).toEqual(joined(source.data))
    })
    await fc.assert(property, { numRuns: 200 })
  })

  test('tell of zeros of any size in one piece', async () => {
    const source: Pick<DiskSource, 'size' | 'extents'> = {
      size: 2 ** 52,
      async *extents() {
        yield { offset: 0, length: 2 ** 51, kind: 'zero' }
        yield { offset: 2 ** 51, length: 512, kind: 'data' }
        yield { offset: 2 ** 51 + 512, length: 2 ** 51 - 512, kind: 'zero' }
      },
    }
    expect((await Array.fromAsync(chunksOf(source, 4096))).map(({ length }) => length)).toEqual([
      2 ** 51,
      4096,
      2 ** 51 - 4096,
    ])
  })
})

describe('a cursor', () => {
  test('gives the data of ascending ranges, however they cut it', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 60 })
    const property = fc.asyncProperty(pieces, cuts, async (parts, lengths) => {
      const source = disk(parts)
      await using cursor = new ExtentCursor(source)
      const found: Range[] = []
      let at = 0
      for (const length of lengths) {
        found.push(...(await cursor.within(at, length)))
        at += length
      }
      const expected = source.data.map(({ offset, length }) => ({ offset, length: Math.min(length, at - offset) }))
      expect(joined(found)).toEqual(joined(expected.filter(({ length }) => length > 0)))
    })
    await fc.assert(property, { numRuns: 200 })
  })
})

test('joining, and filling gaps with zeros, keep what they are given', async () => {
  const property = fc.asyncProperty(pieces, async (parts) => {
    const source = disk(parts)
    const filled = await Array.fromAsync(withZeros(joinExtents(dataOf(source.data)), source.size))
    expect(filled.reduce((end, { offset, length }) => (offset === end ? end + length : Number.NaN), 0)).toBe(
      source.size,
    )
    expect(joined(filled.filter(({ kind }) => kind === 'data'))).toMatchObject(joined(source.data))
  })
  await fc.assert(property, { numRuns: 100 })
})

async function* dataOf(ranges: readonly Range[]): AsyncGenerator<Extent> {
  for (const range of ranges) yield { ...range, kind: 'data' }
}
