import { open } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { scratch } from '../test/images.ts'
import { holeFinder } from './seek.ts'

const MiB = 1024 * 1024

test('holes are found also in a file that has grown since its size was asked for, and in others after it', async () => {
  await using dir = await scratch()
  await using handle = await open(dir.file('f'), 'w+')
  await handle.write(new Uint8Array(MiB).fill(1), 0, MiB, 8 * MiB)
  await handle.truncate(64 * MiB)
  for (const size of [32 * MiB, 64 * MiB]) {
    const holes = holeFinder(handle.fd, size)
    expect(holes?.dataAt(handle.fd, 0)).toBe(8 * MiB)
    expect(holes?.dataAt(handle.fd, 16 * MiB)).toBeUndefined()
  }
})
