import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MiB } from '@nixen/core'
import type { Extent } from '@nixen/disk'
import { chunkGrid, chunkLength, maxDiskSize, zeroBlobId, zeroSlot } from './chunk-grid.ts'
import { BlobIndex } from '../index/blob-index.ts'
import { ContentList } from '../tree/content-list.ts'
import { parentSlots } from './parent-slots.ts'
import { planChunks, unknownSlot, zeroParent } from './plan-chunks.ts'

describe('the chunk grid', () => {
  test.each([
    [0, MiB, 0],
    [1, MiB, 1],
    [5 * MiB + 512, MiB, 6],
    [4 * 2 ** 40, MiB, 4 * 2 ** 20],
    [4 * 2 ** 40 + 1, 4 * MiB, 2 ** 20 + 1],
  ])('of %i bytes has chunks of %i bytes, %i of them', (size, chunkSize, count) => {
    expect(chunkGrid('a', size)).toEqual({ diskSize: size, chunkSize, count })
  })

  test('does not take a disk that one file can not hold', () => {
    expect(() => chunkGrid('a', maxDiskSize + 1)).toThrow(expect.objectContaining({ code: 'backup.disk_too_large' }))
  })
})

describe('a plan', () => {
  const grid = chunkGrid('a', 4 * MiB + 1000)

  test('reads chunks with data, and what is short', async () => {
    const extents: Extent[] = [
      { offset: 0, length: MiB + 1, kind: 'data' },
      { offset: MiB + 1, length: 3 * MiB + 999, kind: 'zero' },
    ]
    const plan = await planChunks(grid, extents)
    expect([...plan.read]).toEqual([0, 1, 4])
    expect([...plan.slots].slice(2, 4)).toEqual([zeroSlot, zeroSlot])
  })

  test('takes what did not change from the parent, and reads what it does not know', async () => {
    const parent = Int32Array.of(7, 8, zeroParent, unknownSlot, 9)
    const plan = await planChunks(grid, [{ offset: MiB, length: 1, kind: 'data' }], parent)
    expect([...plan.read]).toEqual([1, 3])
    expect([plan.slots[0], plan.slots[2], plan.slots[4]]).toEqual([7, zeroSlot, 9])
  })

  test('covers every changed byte and nothing that is surely the same', async () => {
    const change = fc.record({
      offset: fc.nat(grid.diskSize - 1),
      length: fc.integer({ min: 1, max: 2 * MiB }),
      kind: fc.constantFrom('data' as const, 'zero' as const),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 5 }), async (changes) => {
        const sorted: Extent[] = []
        let end = 0
        for (const { offset, length, kind } of changes.sort((a, b) => a.offset - b.offset)) {
          const from = Math.max(end, offset)
          const to = Math.min(grid.diskSize, offset + length)
          if (to > from) sorted.push({ offset: from, length: to - from, kind })
          end = Math.max(end, to)
        }
        const plan = await planChunks(grid, sorted, new Int32Array(grid.count).fill(3))
        const read = new Set(plan.read)
        for (let chunk = 0; chunk < grid.count; chunk++) {
          const start = chunk * grid.chunkSize
          const length = chunkLength(grid, chunk)
          const touched = sorted.filter(
            (extent) => extent.offset < start + length && extent.offset + extent.length > start,
          )
          const zeroed =
            touched.every(({ kind }) => kind === 'zero') &&
            touched.reduce(
              (sum, extent) =>
                sum + Math.min(extent.offset + extent.length, start + length) - Math.max(extent.offset, start),
              0,
            ) === length
          const expected = touched.length === 0 ? 3 : zeroed && length === grid.chunkSize ? zeroSlot : 'read'
          expect(read.has(chunk) ? 'read' : plan.slots[chunk]).toBe(expected)
        }
      }),
    )
  })
})

describe('the slots of a parent', () => {
  const grid = chunkGrid('a', 3 * MiB)
  const id = (n: number): string => n.toString(16).padStart(64, '0')
  const index = new BlobIndex()
  index.add(id(9), { type: 'data', id: id(1), offset: 0, length: 100, uncompressedLength: MiB })
  index.add(id(9), { type: 'data', id: id(2), offset: 100, length: 700_032 })
  const one = index.find('data', Buffer.from(id(1), 'hex'))

  test.each([
    { ids: [id(1), zeroBlobId, zeroBlobId, id(1)], size: 3 * MiB, slots: [one, zeroParent, one] },
    { ids: [id(1), id(1)], size: 2 * MiB, slots: [one, one, unknownSlot] },
    { ids: [id(1), id(7), id(1)], size: 3 * MiB, slots: [one, unknownSlot, one] },
  ])('are entries, zeros, or unknown: $slots', ({ ids, size, slots }) => {
    expect(parentSlots(index, { content: ContentList.of(ids), size }, grid)).toEqual({ slots: Int32Array.from(slots) })
  })

  test.each([
    { ids: [id(2), id(1), id(1)], size: 2 * MiB + 700_000 },
    { ids: [zeroBlobId, id(1), zeroBlobId, id(1)], size: 3 * MiB },
    { ids: [id(1), id(1)], size: 3 * MiB },
    { ids: [id(1), id(1), id(1), id(1)], size: 4 * MiB },
  ])('are refused when the content lies on another grid or is of another length: $size', ({ ids, size }) => {
    expect(parentSlots(index, { content: ContentList.of(ids), size }, grid)).toHaveProperty('reason')
  })
})
