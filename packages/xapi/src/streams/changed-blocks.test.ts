import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { changedBlockSize, changedExtents, type ChangedExtent } from './changed-blocks.ts'

/** The plain reading: one bit after the other. */
function bitByBit(bitmap: Uint8Array, size: number): boolean[] {
  const blocks = Math.ceil(size / changedBlockSize)
  return Array.from({ length: blocks }, (_, block) => (((bitmap[block >> 3] ?? 0) >> (7 - (block % 8))) & 1) === 1)
}

describe('a changed-block bitmap', () => {
  test('has the highest bit of a byte first', () => {
    const extents = [...changedExtents(Uint8Array.of(0b1000_0000, 0b0000_0011), 16 * changedBlockSize)]
    expect(extents).toEqual([
      { offset: 0, length: changedBlockSize },
      { offset: 14 * changedBlockSize, length: 2 * changedBlockSize },
    ])
  })

  test('ends with the disk, whatever the padding says', () => {
    const size = 3 * changedBlockSize + 512
    expect([...changedExtents(Uint8Array.of(0xff, 0xff), size)]).toEqual([{ offset: 0, length: size }])
  })

  test('of an empty disk has no extents', () => {
    expect([...changedExtents(new Uint8Array(0), 0)]).toEqual([])
  })

  test('that is too short is refused at once', () => {
    expect(() => changedExtents(new Uint8Array(1), 9 * changedBlockSize)).toThrow(/at least 9 bits/)
  })

  test('gives ascending extents apart from each other that cover exactly the set bits', () => {
    const bytes = fc.oneof(fc.constantFrom(0, 0xff), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(
        fc.array(bytes, { minLength: 1, maxLength: 40 }),
        fc.nat({ max: 7 * changedBlockSize }),
        (list, off) => {
          const bitmap = Uint8Array.from(list)
          const size = Math.max(1, list.length * 8 * changedBlockSize - off)
          const covered = bitByBit(bitmap, size).map(() => false)
          let last: ChangedExtent | undefined
          for (const extent of changedExtents(bitmap, size)) {
            expect(extent.offset).toBeGreaterThan(last ? last.offset + last.length : -1)
            expect(extent.offset + extent.length).toBeLessThanOrEqual(size)
            for (let at = extent.offset; at < extent.offset + extent.length; at += changedBlockSize) {
              covered[at / changedBlockSize] = true
            }
            last = extent
          }
          expect(covered).toEqual(bitByBit(bitmap, size))
        },
      ),
    )
  })
})
