import { constants } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { sharedAlignedMemory } from '@nixen/disk'
import { expect, test } from 'vitest'
import { diskOf, temporaryDirectory } from '../../../test/support.ts'
import { namedFile } from '@nixen/testkit/storage-conformance'
import { readDirectly } from './direct-io.ts'
import { LocalStorage } from './local-storage.ts'

const content = diskOf('r'.repeat(40)).subarray(0, 2_500_001)
const memory = new Uint8Array(sharedAlignedMemory(4_194_304))

/** Not every file system can be read past the page cache: tmpfs only since Linux 6.6. */
async function isDirectHere(): Promise<boolean> {
  await using directory = await temporaryDirectory()
  const file = path.join(directory.path, 'file')
  await writeFile(file, content)
  const handle = await open(file, constants.O_RDONLY | constants.O_DIRECT).catch(() => undefined)
  await handle?.close()
  return handle !== undefined
}

test.runIf(await isDirectHere()).each([
  [0, 2_500_001],
  [1, 2_500_000],
  [4097, 300_000],
  [2_200_000, 300_001],
])('a range at %i of %i bytes is read past the page cache as it is', async (offset, length) => {
  await using directory = await temporaryDirectory()
  const file = path.join(directory.path, 'file')
  await writeFile(file, content)
  const read = await readDirectly(file, memory, { offset, length })
  expect(read && Buffer.from(read).equals(content.subarray(offset, offset + length))).toBe(true)
})

test.each([
  ['a range beyond the end', memory, 2_400_000, 300_000],
  ['a short range', memory, 0, 4096],
  ['memory that is too small', memory.subarray(0, 65_536), 0, 300_000],
  ['memory that does not start on a page', memory.subarray(1), 0, 300_000],
])('%s is left to the page cache', async (_, into, offset, length) => {
  await using directory = await temporaryDirectory()
  const file = path.join(directory.path, 'file')
  await writeFile(file, content)
  expect(await readDirectly(file, into, { offset, length })).toBeUndefined()
})

test('a pack in aligned memory is saved and loaded as one in other memory', async () => {
  await using directory = await temporaryDirectory()
  const storage = new LocalStorage(directory.path)
  await storage.save({ kind: 'config', name: '' }, [Buffer.from('c')])
  const pack = namedFile('data', content)
  const aligned = new Uint8Array(sharedAlignedMemory(content.length), 0, content.length)
  aligned.set(content)
  await storage.save(pack, [aligned])
  expect(Buffer.from(await storage.load(pack)).equals(content)).toBe(true)
  expect(Buffer.from(await storage.load(pack, { into: memory })).equals(content)).toBe(true)
  const part = await storage.load(pack, { into: memory, offset: 5, length: 400_000 })
  expect(Buffer.from(part).equals(content.subarray(5, 400_005))).toBe(true)
  await expect(storage.load(pack, { into: memory, offset: 2_400_000, length: 300_000 })).rejects.toMatchObject({
    code: 'storage.truncated',
  })
})
