import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newUuid } from '@nixen/core'
import { isXapiError } from '@nixen/xapi'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { recoverCbtLogs, removeCbtLog } from './cbt-directory.ts'
import {
  cbtBitmapLength,
  cbtBlockSize,
  decodeCbtLog,
  encodeCbtLog,
  LiveCbtLog,
  markChanged,
  type CbtContent,
} from './cbt-log.ts'
import { changedBlocks } from './changed-blocks.ts'

const sizes = fc.integer({ min: 1, max: 200 }).map((blocks) => blocks * cbtBlockSize - 512)

function logOf(
  size: number,
  ranges: readonly (readonly [offset: number, length: number])[],
  links: Partial<CbtContent> = {},
): CbtContent {
  const bits = new Uint8Array(cbtBitmapLength(size))
  for (const [offset, length] of ranges) markChanged(bits, offset, Math.min(length, size - offset))
  return { parent: undefined, child: undefined, consistent: true, size, bits, ...links }
}

function outcomeOf(bytes: Uint8Array): string {
  try {
    decodeCbtLog(bytes)
    return 'decoded'
  } catch (error) {
    return isXapiError(error) ? error.code : String(error)
  }
}

describe('a log of changed blocks', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.uint8Array({ maxLength: 30 }), (size, consistent, data) => {
        const bits = new Uint8Array(cbtBitmapLength(size))
        bits.set(data.subarray(0, bits.length))
        const content = { parent: newUuid(), child: undefined, consistent, size, bits }
        expect(decodeCbtLog(encodeCbtLog(content))).toEqual(content)
      }),
    )
  })

  test('never throws anything but an error of a storage manager on other bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(['decoded', 'SR_BACKEND_FAILURE_459']).toContain(outcomeOf(bytes))
      }),
    )
  })

  test('marks exactly the blocks that a write touches', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.integer({ min: 1, max: 1_000_000 }), (size, at, much) => {
        const offset = at % size
        const length = Math.min(much, size - offset)
        const { bits } = logOf(size, [[offset, length]])
        const set = Array.from({ length: bits.length * 8 }, (_, i) => ((bits[i >> 3] ?? 0) & (1 << (i & 7))) !== 0)
        const touched = set.map((_, i) => i * cbtBlockSize < offset + length && (i + 1) * cbtBlockSize > offset)
        expect(set).toEqual(touched)
      }),
    )
  })
})

describe('the changes from one disk to another', () => {
  const size = 16 * cbtBlockSize
  const find = (logs: Readonly<Record<string, CbtContent>>) => async (uuid: string) => logs[uuid]

  test('are those of all logs after the first, the highest bit first', async () => {
    const logs = {
      a: logOf(size, [[0, size]], { child: 'b' }),
      b: logOf(size, [[0, 1]], { parent: 'a', child: 'c' }),
      c: logOf(
        2 * size,
        [
          [9 * cbtBlockSize, 1],
          [31 * cbtBlockSize, 5],
        ],
        { parent: 'b' },
      ),
    }
    expect([...(await changedBlocks('a', 'c', find(logs)))]).toEqual([0x80, 0x40, 0, 0x01])
    expect([...(await changedBlocks('a', 'b', find(logs)))]).toEqual([0x80, 0])
  })

  test.each<[what: string, logs: Record<string, CbtContent>, from: string, to: string, code: number]>([
    ['one disk', { a: logOf(size, []) }, 'a', 'a', 460],
    ['disks without a common chain', { a: logOf(size, []), b: logOf(size, []) }, 'a', 'b', 460],
    ['the wrong way round', { a: logOf(size, [], { child: 'b' }), b: logOf(size, [], { parent: 'a' }) }, 'b', 'a', 460],
    ['a disk without a log', { a: logOf(size, [], { child: 'b' }) }, 'a', 'b', 460],
    [
      'a chain that leads back',
      { a: logOf(size, [], { child: 'b' }), b: logOf(size, [], { child: 'a' }), c: logOf(size, []) },
      'a',
      'c',
      460,
    ],
    [
      'an inconsistent log',
      { a: logOf(size, [], { child: 'b' }), b: logOf(size, [], { consistent: false }) },
      'a',
      'b',
      459,
    ],
    [
      'a disk that shrank',
      { a: logOf(size, [], { child: 'b' }), b: logOf(size, [], { child: 'c' }), c: logOf(size / 2, []) },
      'a',
      'c',
      459,
    ],
  ])('are refused for %s', async (_what, logs, from, to, code) => {
    await expect(changedBlocks(from, to, find(logs))).rejects.toMatchObject({ code: `SR_BACKEND_FAILURE_${code}` })
  })
})

describe('logs in a directory', () => {
  test('stay right when their process dies, and not when the machine does', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nixen-cbt-'))
    const path = join(directory, `${newUuid()}.cbtlog`)
    await recoverCbtLogs(directory)
    await writeFile(path, encodeCbtLog(logOf(16 * cbtBlockSize, [])))
    const crash = async (): Promise<CbtContent> => {
      const live = await LiveCbtLog.open(path)
      await live.mark(cbtBlockSize, 1)
      const left = await readFile(path)
      await live[Symbol.asyncDispose]()
      await writeFile(path, left)
      expect(decodeCbtLog(left)).toMatchObject({ consistent: false, bits: Uint8Array.of(2, 0) })
      await recoverCbtLogs(directory)
      return decodeCbtLog(await readFile(path))
    }
    expect((await crash()).consistent).toBe(true)
    await writeFile(join(directory, '.boot'), 'another start of the machine')
    expect((await crash()).consistent).toBe(false)
    await rm(directory, { recursive: true })
  })

  test('give their changes to the next one when they are removed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nixen-cbt-'))
    const [a, b, c] = [newUuid(), newUuid(), newUuid()]
    const size = 8 * cbtBlockSize
    const save = (uuid: string, log: CbtContent): Promise<void> =>
      writeFile(join(directory, `${uuid}.cbtlog`), encodeCbtLog(log))
    const load = async (uuid: string): Promise<CbtContent> =>
      decodeCbtLog(await readFile(join(directory, `${uuid}.cbtlog`)))
    await save(a, logOf(size, [], { child: b }))
    await save(b, logOf(size, [[0, 1]], { parent: a, child: c }))
    await save(c, logOf(size, [[cbtBlockSize, 1]], { parent: b }))
    await removeCbtLog(directory, b)
    expect(await load(a)).toMatchObject({ child: c })
    expect(await load(c)).toMatchObject({ parent: a, bits: Uint8Array.of(3) })
    await rm(directory, { recursive: true })
  })
})
