import { describe, expect, test } from 'vitest'
import { memoryDisk, sparseBytes } from '../../test/images.ts'
import { compareDisks, type DiskSource } from '../index.ts'

const MiB = 1024 * 1024

describe('comparing two disks', () => {
  test.each([0, 1, 2 * MiB - 1, 2 * MiB, 5 * MiB + 17, 6 * MiB - 1])(
    'finds the one byte that differs, at %i',
    async (offset) => {
      const a = sparseBytes(6 * MiB, 3)
      const b = a.slice()
      b[offset] = (b[offset] ?? 0) ^ 1
      const found = await compareDisks(memoryDisk(a), memoryDisk(b, { vague: true }))
      expect(found).toEqual({ kind: 'different', offset, a: a[offset], b: b[offset] })
    },
  )

  test('takes holes for zeros', async () => {
    const zeros = new Uint8Array(6 * MiB)
    expect(await compareDisks(memoryDisk(zeros), memoryDisk(zeros, { vague: true }))).toEqual({ kind: 'identical' })
  })

  test('tells sizes apart, and takes what is missing for zeros', async () => {
    const a = sparseBytes(3 * MiB, 3)
    const longer = new Uint8Array(8 * MiB)
    longer.set(a)
    expect(await compareDisks(memoryDisk(a), memoryDisk(longer))).toEqual({ kind: 'size', a: 3 * MiB, b: 8 * MiB })
    longer[7 * MiB] = 9
    expect(await compareDisks(memoryDisk(a), memoryDisk(longer))).toEqual({
      kind: 'different',
      offset: 7 * MiB,
      a: 0,
      b: 9,
    })
  })

  test('passes over the holes of disks of any size at once', async () => {
    const huge: DiskSource = {
      size: 2 ** 50,
      async *extents() {
        yield { offset: 2 ** 49, length: 4096, kind: 'data' }
      },
      read: async (_, into) => void into.fill(1),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
    expect(await compareDisks(huge, huge)).toEqual({ kind: 'identical' })
  })

  test('stops when it is told to', async () => {
    const disk = memoryDisk(sparseBytes(6 * MiB, 3))
    await expect(compareDisks(disk, disk, { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop')
  })
})
