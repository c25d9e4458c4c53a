import { execFile } from 'node:child_process'
import { readFile, readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { scratch, sparseBytes } from '../test/images.ts'
import { alignedBuffers, createLocalFile, MemoryFile, openLocalFile, type DiskFile, type NewFile } from './index.ts'

const MiB = 1024 * 1024

const kinds: readonly (readonly [string, (dir: { file(name: string): string }) => Promise<NewFile>])[] = [
  ['with direct I/O', (dir) => createLocalFile(dir.file('f'))],
  ['through the page cache', (dir) => createLocalFile(dir.file('f'), { direct: false })],
  ['in memory', () => Promise.resolve(new MemoryFile())],
]

describe.each(kinds)('a file %s', (_, create) => {
  test('reads back what was written, aligned or not, in parts or whole', async () => {
    await using dir = await scratch()
    await using file = await create(dir)
    const shadow = new Uint8Array(3 * MiB)
    const [buffer] = alignedBuffers(1, MiB)
    for (const [offset, length] of [
      [0, MiB],
      [MiB + 4096, 8192],
      [100, 7],
      [2 * MiB - 5, 10],
      [2 * MiB + 4096, 4096],
    ] as const) {
      const bytes = buffer!.subarray(0, length)
      bytes.set(sparseBytes(length, offset))
      shadow.set(bytes, offset)
      await file.write(offset, bytes.subarray(0, length >> 1), bytes.subarray(length >> 1))
    }
    await file.truncate(shadow.length)
    expect(await file.size()).toBe(shadow.length)
    for (const [offset, length] of [
      [0, MiB],
      [4096, 8192],
      [1, 2],
      [MiB, MiB],
    ] as const) {
      const into = buffer!.subarray(0, length)
      await file.read(offset, into)
      expect(Buffer.compare(into, shadow.subarray(offset, offset + length))).toBe(0)
    }
  })

  test('says that a read beyond its end is truncated', async () => {
    await using dir = await scratch()
    await using file = await create(dir)
    await file.write(0, new Uint8Array(1000))
    await expect(file.read(900, new Uint8Array(101))).rejects.toMatchObject({ code: 'disk.truncated' })
    const [buffer] = alignedBuffers(1, 4096)
    await expect(file.read(0, buffer!)).rejects.toMatchObject({ code: 'disk.truncated' })
  })

  test('finds its data between holes', async () => {
    await using dir = await scratch()
    await using file = await create(dir)
    await file.truncate(64 * MiB)
    await file.write(10 * MiB, new Uint8Array(65_536).fill(1))
    await file.write(40 * MiB, new Uint8Array(131_072).fill(1))
    const found = await dataOf(file)
    expect(found.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(2 * MiB)
    expect(found.some(({ offset, length }) => offset <= 40 * MiB && offset + length >= 40 * MiB + 131_072)).toBe(true)
  })
})

async function dataOf(file: DiskFile): Promise<{ offset: number; length: number }[]> {
  const found: { offset: number; length: number }[] = []
  for (let data = await file.nextData(0, 1e9); data; data = await file.nextData(data.offset + data.length, 1e9))
    found.push(data)
  return found
}

describe('a new file', () => {
  test('has its name only after commit', async () => {
    await using dir = await scratch()
    const file = await createLocalFile(dir.file('disk.raw'))
    await file.write(0, new Uint8Array(512))
    expect((await readdir(dir.path)).filter((name) => !name.startsWith('.'))).toEqual([])
    await file.commit()
    await file[Symbol.asyncDispose]()
    expect(await readdir(dir.path)).toEqual(['disk.raw'])
  })

  test('does not take a name that somebody took in the meantime', async () => {
    await using dir = await scratch()
    {
      await using file = await createLocalFile(dir.file('disk.raw'))
      await writeFile(dir.file('disk.raw'), 'theirs')
      await expect(file.commit()).rejects.toMatchObject({ code: 'disk.exists' })
    }
    expect(await readdir(dir.path)).toEqual(['disk.raw'])
    expect((await stat(dir.file('disk.raw'))).size).toBe(6)
  })

  test('removes what a killed run left a day ago, and nothing younger', async () => {
    await using dir = await scratch()
    const old = dir.file('.disk.raw.0123456789ab.partial')
    const young = dir.file('.disk.raw.ba9876543210.partial')
    const other = dir.file('.other.raw.0123456789ab.partial')
    for (const path of [old, young, other]) await writeFile(path, '')
    const yesterday = new Date(Date.now() - 90_000_000)
    for (const path of [old, other]) await utimes(path, yesterday, yesterday)
    await using _file = await createLocalFile(dir.file('disk.raw'))
    const left = await readdir(dir.path)
    expect(left).not.toContain('.disk.raw.0123456789ab.partial')
    expect(left).toContain('.disk.raw.ba9876543210.partial')
    expect(left).toContain('.other.raw.0123456789ab.partial')
  })

  test('says which directory is missing', async () => {
    await using dir = await scratch()
    await expect(createLocalFile(dir.file('no/such/disk.raw'))).rejects.toMatchObject({ code: 'disk.not_found' })
  })
})

test('opening a directory or a missing file is a clear error', async () => {
  await using dir = await scratch()
  await expect(openLocalFile(dir.path)).rejects.toMatchObject({ code: 'disk.not_a_file' })
  await expect(openLocalFile(dir.file('missing'))).rejects.toMatchObject({ code: 'disk.not_found' })
})

test('a FIFO is refused at once, not waited for', async () => {
  await using dir = await scratch()
  await promisify(execFile)('mkfifo', [dir.file('fifo')])
  await expect(openLocalFile(dir.file('fifo'))).rejects.toMatchObject({ code: 'disk.not_a_file' })
})

test('nothing but a file is ever replaced by one', async () => {
  await using dir = await scratch()
  await promisify(execFile)('mkfifo', [dir.file('fifo')])
  for (const path of [dir.file('fifo'), dir.path])
    await expect(createLocalFile(path, { replace: true })).rejects.toMatchObject({ code: 'disk.not_a_file' })
  expect((await stat(dir.file('fifo'))).isFIFO()).toBe(true)
})

test('a write to a file that was opened for reading is an error', async () => {
  await using dir = await scratch()
  await writeFile(dir.file('f'), 'x')
  await using file = await openLocalFile(dir.file('f'))
  await expect(file.write(0, new Uint8Array(4096))).rejects.toMatchObject({
    code: 'disk.io',
    details: { code: 'EBADF' },
  })
})

test('holes are found without the foreign function interface too, by reading', async () => {
  await using dir = await scratch()
  const content = new Uint8Array(32 * MiB)
  content.set(sparseBytes(2 * MiB, 4), 20 * MiB)
  await writeFile(dir.file('a.raw'), content)
  const child = fileURLToPath(new URL('../test/kill-child.ts', import.meta.url))
  const args = ['--no-experimental-ffi', child, dir.file('a.raw'), dir.file('b.raw'), 'raw', '1']
  const { stderr } = await promisify(execFile)(process.execPath, args)
  expect(stderr).toBe('')
  expect(Buffer.compare(await readFile(dir.file('b.raw')), content)).toBe(0)
  expect((await stat(dir.file('b.raw'))).blocks * 512).toBeLessThan(3 * MiB)
})

test('finding holes prints no warning', async () => {
  await using dir = await scratch()
  await writeFile(dir.file('a.raw'), new Uint8Array(MiB))
  const child = fileURLToPath(new URL('../test/kill-child.ts', import.meta.url))
  const { stderr } = await promisify(execFile)(process.execPath, [
    child,
    dir.file('a.raw'),
    dir.file('b.raw'),
    'raw',
    '1',
  ])
  expect(stderr).toBe('')
})
