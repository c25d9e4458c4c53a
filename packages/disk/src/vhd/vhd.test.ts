import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { collectBytes, streamOf } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { bytesOf, inParts, memoryDisk, qemuImg, scratch, sparseBytes } from '../../test/images.ts'
import {
  compareDisks,
  convert,
  createDisk,
  MemoryFile,
  openDisk,
  vhd,
  type ChangeToken,
  type DiskSource,
  type Extent,
} from '../index.ts'
import { checksumOf, geometryOf } from './footer.ts'

const MiB = 1024 * 1024
const ids = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(32))

describe('reading what qemu-img makes', () => {
  test.each([
    ['dynamic', []],
    ['dynamic', ['force_size']],
    ['fixed', ['subformat=fixed']],
    ['fixed', ['subformat=fixed', 'force_size']],
  ])('%s %o', async (subformat, options) => {
    await using dir = await scratch()
    const content = sparseBytes(11 * MiB + 512 * 9, 4)
    await writeFile(dir.file('a.raw'), content)
    const flags = options.length > 0 ? ['-o', options.join(',')] : []
    await qemuImg('convert', '-f', 'raw', '-O', 'vpc', ...flags, dir.file('a.raw'), dir.file('a.vhd'))
    const info = JSON.parse(await qemuImg('info', '-f', 'vpc', '--output=json', dir.file('a.vhd'))) as Record<
      string,
      number
    >
    await using image = await openDisk(dir.file('a.vhd'))
    // Without force_size qemu rounds up to whole cylinders.
    expect(image.size).toBe(info['virtual-size'])
    expect(image.info.details).toMatchObject({ subformat })
    const padded = new Uint8Array(image.size)
    padded.set(content)
    expect(await compareDisks(image, memoryDisk(padded))).toEqual({ kind: 'identical' })
    expect(await Array.fromAsync(vhd.check?.(new MemoryFile('a', await readFile(dir.file('a.vhd')))) ?? [])).toEqual([])
  })
})

/** A chain base ← middle ← leaf in a directory, and what the leaf must read. */
async function chain(dir: { file(name: string): string }): Promise<Uint8Array> {
  const content = sparseBytes(7 * MiB, 9)
  {
    await using sink = await createDisk(dir.file('base.vhd'), {
      size: content.length,
      settings: { uuid: ids[0] ?? '' },
    })
    await convert(memoryDisk(content), sink)
  }
  const layer = async (name: string, index: number, parent: string): Promise<void> => {
    const settings = {
      subformat: 'differencing',
      uuid: ids[index] ?? '',
      parentUuid: ids[index - 1] ?? '',
      parentName: parent,
    }
    await using sink = await createDisk(dir.file(name), { size: content.length, settings })
    const put = async (offset: number, length: number, value: number): Promise<void> => {
      content.fill(value, offset, offset + length)
      if (value === 0) await sink.zero(offset, length)
      else await sink.write(offset, new Uint8Array(length).fill(value))
    }
    await put(512 * 3, 1024, 0x40 + index)
    await put(2 * MiB - 512 * index, 4096, 0x50 + index)
    await put(3 * MiB + index * 65_536, 65_536, 0)
    await put(6 * MiB, MiB, 0x60 + index)
    await sink.finish()
  }
  await layer('middle.vhd', 1, 'base.vhd')
  await layer('leaf.vhd', 2, 'middle.vhd')
  return content
}

describe('differencing chains', () => {
  test('read through all layers', async () => {
    await using dir = await scratch()
    const content = await chain(dir)
    await using leaf = await openDisk(dir.file('leaf.vhd'))
    expect(await compareDisks(leaf, memoryDisk(content))).toEqual({ kind: 'identical' })
    expect(leaf.info.parent?.info?.details['uuid']).toBe(ids[1])
  })

  test('say what changed since a layer', async () => {
    await using dir = await scratch()
    await chain(dir)
    await using leaf = await openDisk(dir.file('leaf.vhd'))
    const since = async (uuid: string): Promise<Extent[]> =>
      await Array.fromAsync(leaf.extents({ since: uuid as ChangeToken }))
    expect(await since(ids[2] ?? '')).toEqual([])
    expect(await since(ids[1] ?? '')).toEqual([
      { offset: 1536, length: 1024, kind: 'data' },
      { offset: 2 * MiB - 1024, length: 4096, kind: 'data' },
      { offset: 3 * MiB + 131_072, length: 65_536, kind: 'data' },
      { offset: 6 * MiB, length: MiB, kind: 'data' },
    ])
    expect((await since(ids[0] ?? '')).map(({ offset, length }) => [offset, length])).toEqual([
      [1536, 1024],
      [2 * MiB - 1024, 4096 + 512],
      [3 * MiB + 65_536, 131_072],
      [6 * MiB, MiB],
    ])
    await expect(since('f'.repeat(32))).rejects.toMatchObject({ code: 'disk.changes_unknown' })
  })

  test('stream only what changed, and give the same disk on the other side', async () => {
    await using dir = await scratch()
    const content = await chain(dir)
    await using leaf = await openDisk(dir.file('leaf.vhd'))
    const settings = { subformat: 'differencing', parentName: 'base.vhd', parentUuid: ids[0] ?? '' }
    const encoded = await vhd.encode?.(leaf, { since: ids[0] as ChangeToken, settings })
    const bytes = await collectBytes(encoded?.bytes ?? streamOf())
    expect(bytes.length).toBe(encoded?.length)
    await mkdir(dir.file('other'))
    await rename(dir.file('base.vhd'), dir.file('other/base.vhd'))
    await writeFile(dir.file('other/delta.vhd'), bytes)
    await using restored = await openDisk(dir.file('other/delta.vhd'))
    expect(await compareDisks(restored, memoryDisk(content))).toEqual({ kind: 'identical' })
    const stream = await vhd.decode?.(inParts(bytes))
    expect(stream?.info.parent?.path).toBe('base.vhd')
    const changed = new Set<number>()
    for await (const part of stream?.parts() ?? [])
      for (let i = 0; i < part.bytes.length; i += 512) changed.add(part.offset + i)
    expect(changed.size * 512).toBe(1024 + 4096 + 512 + 131_072 + MiB)
  })

  test('do not mix with a parent that is another disk', async () => {
    await using dir = await scratch()
    await chain(dir)
    await createAt(dir.file('base.vhd'))
    await expect(openDisk(dir.file('leaf.vhd'))).rejects.toMatchObject({ code: 'disk.parent_mismatch' })
  })

  async function createAt(path: string): Promise<void> {
    await using sink = await createDisk(path, { size: 7 * MiB, replace: true })
    await sink.finish()
  }
})

describe('a damaged VHD', () => {
  async function image(): Promise<Uint8Array> {
    const file = new MemoryFile()
    const sink = await vhd.create?.(file, { size: 6 * MiB })
    await convert(memoryDisk(new Uint8Array(6 * MiB).fill(8)), sink!)
    return file.bytes()
  }

  test('is read by the copy of its footer, and check says so', async () => {
    const bytes = await image()
    bytes.fill(0, bytes.length - 512)
    const file = new MemoryFile('a', bytes)
    await using disk = await vhd.open(file)
    expect((await bytesOf(disk)).every((byte) => byte === 8)).toBe(true)
    expect(await Array.fromAsync(vhd.check?.(file) ?? [])).toMatchObject([{ severity: 'error', code: 'footer' }])
  })

  test.each([
    ['a wrong checksum of both footers', 'disk.corrupt', [84, -428]],
    ['a wrong checksum of the header', 'disk.corrupt', [512 + 600]],
  ])('is refused because of %s', async (_, code, places) => {
    const bytes = await image()
    for (const at of places) {
      const index = at < 0 ? bytes.length + at : at
      bytes[index] = (bytes[index] ?? 0) ^ 0xff
    }
    await expect(vhd.open(new MemoryFile('a', bytes))).rejects.toMatchObject({ code })
  })

  test('with two blocks in one place is found by check', async () => {
    const bytes = await image()
    bytes.copyWithin(1536 + 4, 1536, 1536 + 4)
    expect(await Array.fromAsync(vhd.check?.(new MemoryFile('a', bytes)) ?? [])).toMatchObject([{ code: 'overlap' }])
  })

  test('that was cut is an error where data is missing, not zeros', async () => {
    const bytes = await image()
    const cut = new MemoryFile('a', bytes.slice(0, 4 * MiB))
    await using disk = await vhd.open(cut)
    await expect(disk.read(5 * MiB, new Uint8Array(4096))).rejects.toMatchObject({ code: 'disk.truncated' })
    expect(await Array.fromAsync(vhd.check?.(cut) ?? [])).toContainEqual(expect.objectContaining({ code: 'truncated' }))
  })

  test('honours sector bitmaps: what is not marked is zeros', async () => {
    const bytes = await image()
    const at = new DataView(bytes.buffer).getUint32(1536) * 512
    bytes[at] = 0b0111_1111
    await using disk = await vhd.open(new MemoryFile('a', bytes))
    const read = await bytesOf(disk)
    expect([read[0], read[511], read[512]]).toEqual([0, 0, 8])
  })
})

describe('the stream that XAPI exports', () => {
  test('has footer, header, table, blocks in the order of the disk and the footer again, without gaps', async () => {
    const content = new Uint8Array(8 * MiB)
    content.fill(1, 2 * MiB, 2 * MiB + 512)
    content.fill(2, 6 * MiB, 8 * MiB)
    const encoded = await vhd.encode?.(memoryDisk(content))
    const bytes = await collectBytes(encoded?.bytes ?? streamOf())
    const view = new DataView(bytes.buffer)
    expect(Buffer.from(bytes.subarray(0, 8)).toString()).toBe('conectix')
    expect(Buffer.from(bytes.subarray(512, 520)).toString()).toBe('cxsparse')
    expect([0, 1, 2, 3].map((i) => view.getUint32(1536 + i * 4))).toEqual([0xffff_ffff, 4, 0xffff_ffff, 4 + 1 + 4096])
    expect(bytes.length).toBe(2048 + 2 * (512 + 2 * MiB) + 512)
    expect(Buffer.compare(bytes.subarray(0, 512), bytes.subarray(-512))).toBe(0)
  })

  test('keeps a range that became zeros in a delta', async () => {
    const changed: DiskSource = {
      ...memoryDisk(new Uint8Array(4 * MiB)),
      async *extents() {
        yield { offset: 4096, length: 8192, kind: 'zero' }
      },
    }
    const settings = { subformat: 'differencing', parentName: 'base.vhd', parentUuid: ids[0] ?? '' }
    const encoded = await vhd.encode?.(changed, { since: 'x' as ChangeToken, settings })
    await using alone = await vhd.open(new MemoryFile('d', await collectBytes(encoded?.bytes ?? streamOf())), {
      alone: true,
    })
    expect((await Array.fromAsync(alone.extents())).filter(({ kind }) => kind === 'data')).toEqual([
      { offset: 4096, length: 8192, kind: 'data' },
    ])
  })
})

test('the geometry follows the rules of the specification', () => {
  // From `qemu-img create -f vpc` of the same sizes.
  expect(geometryOf(10 * MiB)).toEqual({ cylinders: 301, heads: 4, sectors: 17 })
  expect(geometryOf(504 * MiB)).toEqual({ cylinders: 1024, heads: 16, sectors: 63 })
  expect(geometryOf(2040 * 1024 ** 3)).toEqual({ cylinders: 65_535, heads: 16, sectors: 255 })
})

test('the checksum leaves out itself', () => {
  const bytes = new Uint8Array(512).fill(1)
  expect(checksumOf(bytes, 64)).toBe(~508 >>> 0)
  bytes.fill(9, 64, 68)
  expect(checksumOf(bytes, 64)).toBe(~508 >>> 0)
})
