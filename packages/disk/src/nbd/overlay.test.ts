import { equalBytes, KiB, MiB } from '@nixen/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sparseBytes } from '../../test/patterns.ts'
import { temporaryFolder } from '../../test/processes.ts'
import type { DiskSource } from '../disk-source.ts'
import { MemoryFile } from '../memory-file.ts'
import { raw } from '../raw/raw.ts'
import { overlayDisk, overlayDiskAt } from './overlay.ts'

const size = 1 * MiB + 5 * 512
const content = sparseBytes(size, 9)
const base = (): Promise<DiskSource> => raw.open(new MemoryFile('base', content))

async function readAll(disk: DiskSource): Promise<Uint8Array> {
  const whole = new Uint8Array(disk.size)
  await disk.read(0, whole)
  return whole
}

const step = fc.record({
  kind: fc.constantFrom('write', 'zero', 'flush'),
  offset: fc.nat(size - 1),
  length: fc.integer({ min: 1, max: 200 * KiB }),
  value: fc.integer({ min: 1, max: 255 }),
})

describe('an overlay', () => {
  test('holds what was written, side by side or one after the other, and keeps its promise about extents', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, together) => {
        const expected = Uint8Array.from(content)
        const file = new MemoryFile('overlay')
        const disk = await overlayDisk(await base(), file)
        const runs: Promise<void>[] = []
        let end = 0
        for (const { kind, offset: anywhere, length: wanted, value } of steps) {
          // Writes at the same time must not overlap, or their order would not be known.
          const offset = together ? end : anywhere
          const length = Math.min(wanted, size - offset)
          if (length <= 0) continue
          end = offset + length
          if (kind === 'flush') runs.push(disk.flush())
          else expected.fill(kind === 'write' ? value : 0, offset, end)
          if (kind === 'write') runs.push(disk.write(offset, new Uint8Array(length).fill(value)))
          if (kind === 'zero') runs.push(disk.zero(offset, length))
          if (!together) await Promise.all(runs)
        }
        await Promise.all(runs)
        expect(equalBytes(await readAll(disk), expected)).toBe(true)
        await disk.flush()
        const again = await overlayDisk(await base(), file)
        expect(equalBytes(await readAll(again), expected)).toBe(true)
        const rebuilt = Uint8Array.from(content)
        for await (const { offset, length, kind } of disk.extents({ since: disk.changes })) {
          rebuilt.set(kind === 'zero' ? new Uint8Array(length) : expected.subarray(offset, offset + length), offset)
        }
        expect(equalBytes(rebuilt, expected)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('loses what no flush made durable, and nothing else', async () => {
    const file = new MemoryFile('overlay')
    const disk = await overlayDisk(await base(), file)
    await disk.write(0, new Uint8Array(64 * KiB).fill(1))
    await disk.flush()
    await disk.write(100 * KiB, new Uint8Array(10).fill(2))
    const crashed = await overlayDisk(await base(), new MemoryFile('copy', file.bytes()))
    const expected = Uint8Array.from(content)
    expected.fill(1, 0, 64 * KiB)
    expect(equalBytes(await readAll(crashed), expected)).toBe(true)
  })

  test('in a file goes on after it was closed, and refuses another disk', async () => {
    await using folder = await temporaryFolder()
    {
      await using disk = await overlayDiskAt(await base(), folder.file('overlay'))
      await disk.write(7, new Uint8Array(3).fill(7))
    }
    {
      await using disk = await overlayDiskAt(await base(), folder.file('overlay'))
      const bytes = new Uint8Array(5)
      await disk.read(6, bytes)
      expect([...bytes.subarray(1, 4)]).toEqual([7, 7, 7])
    }
    const other = await raw.open(new MemoryFile('other', new Uint8Array(MiB)))
    await expect(overlayDiskAt(other, folder.file('overlay'))).rejects.toThrow(/size of the disk differs/)
  })
})
