import { readFile, writeFile } from 'node:fs/promises'
import { collectBytes, isAppError, MiB, seededRandom, streamOf } from '@nixen/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOf, inParts, memoryDisk, qemuImg, scratch, sparseBytes } from '../../test/images.ts'
import { compareDisks } from '../compare/compare.ts'
import { convert } from '../convert/convert.ts'
import { MemoryFile } from '../memory-file.ts'
import { createDisk, openDisk } from '../open.ts'
import { vmdk } from './vmdk.ts'

const content = sparseBytes(9 * MiB + 512 * 7, 11)

describe('reading what qemu-img makes', () => {
  test.each(['monolithicSparse', 'monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat', 'streamOptimized'])(
    '%s',
    async (subformat) => {
      await using dir = await scratch()
      await writeFile(dir.file('a.raw'), content)
      await qemuImg(
        'convert',
        '-f',
        'raw',
        '-O',
        'vmdk',
        '-o',
        `subformat=${subformat}`,
        dir.file('a.raw'),
        dir.file('a.vmdk'),
      )
      await using image = await openDisk(dir.file('a.vmdk'))
      expect(image.info).toMatchObject({ format: 'vmdk', virtualSize: content.length, details: { subformat } })
      expect(await compareDisks(image, memoryDisk(content))).toEqual({ kind: 'identical' })
      const random = seededRandom(3)
      for (let round = 0; round < 40; round++) {
        const offset = Math.floor(random() * content.length)
        const part = new Uint8Array(Math.floor(random() * (content.length - offset))).fill(1)
        await image.read(offset, part)
        expect(Buffer.compare(part, content.subarray(offset, offset + part.length))).toBe(0)
      }
    },
  )

  test('with grains marked as zeros', async () => {
    await using dir = await scratch()
    await writeFile(dir.file('a.raw'), content)
    await qemuImg(
      'convert',
      '-f',
      'raw',
      '-O',
      'vmdk',
      '-o',
      'zeroed_grain=on',
      '-S',
      '0',
      dir.file('a.raw'),
      dir.file('a.vmdk'),
    )
    await using image = await openDisk(dir.file('a.vmdk'))
    expect(await compareDisks(image, memoryDisk(content))).toEqual({ kind: 'identical' })
  })

  test('stream-optimized, as a stream', async () => {
    await using dir = await scratch()
    await writeFile(dir.file('a.raw'), content)
    await qemuImg(
      'convert',
      '-f',
      'raw',
      '-O',
      'vmdk',
      '-o',
      'subformat=streamOptimized',
      dir.file('a.raw'),
      dir.file('a.vmdk'),
    )
    const stream = await vmdk.decode?.(inParts(await readFile(dir.file('a.vmdk'))))
    const bytes = new Uint8Array(stream?.size ?? 0)
    for await (const part of stream?.parts() ?? []) bytes.set(part.bytes, part.offset)
    expect(Buffer.compare(bytes, content)).toBe(0)
  })
})

describe('writing stream-optimized', () => {
  test('makes what qemu-img checks and reads', async () => {
    await using dir = await scratch()
    await writeFile(dir.file('a.raw'), content)
    {
      await using sink = await createDisk(dir.file('file.vmdk'), { size: content.length })
      await convert(memoryDisk(content), sink)
    }
    const encoded = await vmdk.encode?.(memoryDisk(content), { settings: { level: 6, name: 'x.vmdk' } })
    await writeFile(dir.file('stream.vmdk'), encoded?.bytes ?? streamOf())
    for (const name of ['file.vmdk', 'stream.vmdk']) {
      expect(await qemuImg('info', '-f', 'vmdk', dir.file(name))).toContain('streamOptimized')
      expect(await qemuImg('check', '-f', 'vmdk', dir.file(name))).toContain('No errors')
      expect(await qemuImg('compare', '-f', 'vmdk', '-F', 'raw', dir.file(name), dir.file('a.raw'))).toContain(
        'identical',
      )
    }
  })

  test('random writes in order read back as they were', async () => {
    const step = fc.record({
      gap: fc.nat(200_000),
      length: fc.integer({ min: 1, max: 300_000 }),
      value: fc.integer({ min: 0, max: 255 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const size = 3 * MiB + 512
        const expected = new Uint8Array(size)
        const file = new MemoryFile('a.vmdk')
        const sink = await vmdk.create?.(file, { size })
        let offset = 0
        for (const { gap, length, value } of steps) {
          offset = Math.min(size, offset + gap)
          const end = Math.min(size, offset + length)
          expected.fill(value, offset, end)
          if (value === 0) await sink?.zero(offset, end - offset)
          else await sink?.write(offset, expected.slice(offset, end))
          offset = end
        }
        await sink?.finish()
        expect(Buffer.compare(await bytesOf(await vmdk.open(file)), expected)).toBe(0)
      }),
      { numRuns: 40 },
    )
  })

  test('refuses what does not go forward, odd sizes, and bad settings', async () => {
    const sink = await vmdk.create?.(new MemoryFile('a.vmdk'), { size: MiB })
    await sink?.write(4096, new Uint8Array(512).fill(1))
    await expect(sink?.write(0, new Uint8Array(512))).rejects.toSatisfy((error) =>
      isAppError(error, 'disk.out_of_order'),
    )
    await expect(vmdk.create?.(new MemoryFile('a'), { size: 513 })).rejects.toSatisfy((error) =>
      isAppError(error, 'disk.bad_size'),
    )
    await expect(vmdk.create?.(new MemoryFile('a'), { size: 512, settings: { name: 'a"b' } })).rejects.toSatisfy(
      isAppError,
    )
  })
})

describe('a descriptor', () => {
  const descriptor = (extent: string, parent = 'ffffffff'): string =>
    `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=${parent}\ncreateType="monolithicFlat"\n${extent}\n`

  test.each([
    ['leads out of the directory', descriptor('RW 2048 FLAT "../../etc/passwd" 0'), 'disk.outside_directory'],
    ['names a protocol', descriptor('RW 2048 FLAT "nbd://host/" 0'), 'disk.outside_directory'],
    ['names a file that is not there', descriptor('RW 2048 FLAT "gone" 0'), 'disk.parent_missing'],
    ['names more than the file holds', descriptor('RW 999999999 FLAT "small" 0'), 'disk.truncated'],
    ['names a size beyond every disk', descriptor('RW 9999999999999999 FLAT "small" 0'), 'disk.corrupt'],
    ['is of a snapshot', descriptor('RW 1 FLAT "small" 0', '12345678'), 'disk.unsupported'],
    ['names a physical disk', descriptor('RW 1 VMFSRDM "small"'), 'disk.unsupported'],
    ['has no extents', '# Disk DescriptorFile\ncreateType="x"\n', 'disk.corrupt'],
  ])('that %s is refused', async (_, text, code) => {
    await using dir = await scratch()
    await writeFile(dir.file('a.vmdk'), text)
    await writeFile(dir.file('small'), new Uint8Array(1024))
    await expect(openDisk(dir.file('a.vmdk'))).rejects.toSatisfy((error) => isAppError(error, code))
  })
})

test('damaged files end in an error or a result', { timeout: 600_000 }, async () => {
  await using dir = await scratch()
  await writeFile(dir.file('a.raw'), content.subarray(0, MiB))
  await qemuImg('convert', '-f', 'raw', '-O', 'vmdk', dir.file('a.raw'), dir.file('a.vmdk'))
  const sparse = await readFile(dir.file('a.vmdk'))
  const stream = await collectBytes((await vmdk.encode?.(memoryDisk(content.subarray(0, MiB))))?.bytes ?? streamOf())
  const random = seededRandom(5)
  const rounds = process.env['NIXEN_LONG_TESTS'] === '1' ? 6000 : 200
  for (let round = 0; round < rounds; round++) {
    const bytes = Uint8Array.from(round % 2 ? sparse : stream)
    const places = round % 3 ? 128 : bytes.length
    for (let count = 0; count < 4; count++) bytes[random() * places] = random() > 0.5 ? 0xff : random() * 256
    const file = round % 5 ? bytes : bytes.subarray(0, random() * bytes.length)
    const open = async (): Promise<void> => {
      await using image = await vmdk.open(new MemoryFile('a', file))
      await image.read(0, new Uint8Array(Math.min(image.size, MiB)))
      let count = 0
      for await (const _ of image.extents()) if (count++ > 10_000) break
    }
    const decode = async (): Promise<void> => {
      const found = await vmdk.decode?.(inParts(file))
      for await (const _ of found?.parts() ?? []);
    }
    for (const use of [open, decode]) {
      const outcome = await use().catch((error: unknown) => error)
      expect(outcome === undefined || isAppError(outcome)).toBe(true)
    }
  }
})
