import { readFile, readdir, writeFile } from 'node:fs/promises'
import { collectBytes } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { bytesOf, inParts, memoryDisk, qemuImg, qemuNames, scratch, sparseBytes } from '../../test/images.ts'
import {
  compareDisks,
  convert,
  convertStream,
  createDisk,
  diskFormats,
  formatNamed,
  MemoryFile,
  openDisk,
  openImage,
  type DiskFormat,
  type DiskSource,
} from '../index.ts'

const MiB = 1024 * 1024
const writable = diskFormats.filter((format) => format.create !== undefined)
const pairs = writable.flatMap((from) => writable.map((to) => [from.name, to.name] as const))

/** Ways of writing each format beside its usual one. */
const variants: readonly (readonly [string, Record<string, string | number>])[] = [
  ['vhd', { subformat: 'fixed' }],
  ['qcow2', { clusterSize: 512 }],
  ['qcow2', { clusterSize: 2 * MiB }],
  ['qcow2', { compression: 'zlib' }],
  ['qcow2', { compression: 'zstd' }],
  ['qcow2', { compression: 'zstd', clusterSize: 2 * MiB }],
  ['qcow2', { compression: 'zlib', clusterSize: 4096 }],
]

function format(name: string): DiskFormat {
  const found = formatNamed(name)
  if (!found) throw new Error(`no format ${name}`)
  return found
}

async function write(path: string, source: DiskSource, settings?: Record<string, string | number>, name?: string) {
  await using sink = await createDisk(path, { size: source.size, settings, format: name })
  await convert(source, sink)
}

describe('converting random sparse disks', () => {
  test.each(pairs)('from %s to %s keeps every byte, and qemu agrees', async (from, to) => {
    await using dir = await scratch()
    const seed = from.length * 100 + to.length
    const content = sparseBytes(9 * MiB + 512 * 3, seed)
    await writeFile(dir.file('original.raw'), content)
    await write(dir.file(`a.${from}`), memoryDisk(content), undefined, from)
    {
      await using source = await openDisk(dir.file(`a.${from}`))
      await write(dir.file(`b.${to}.image`), source, undefined, to)
    }
    await using result = await openDisk(dir.file(`b.${to}.image`))
    expect(result.info.format).toBe(to)
    expect(Buffer.compare((await bytesOf(result)).subarray(0, content.length), content)).toBe(0)
    const name = qemuNames[to]
    if (name === undefined) return
    const compared = await qemuImg(
      'compare',
      '-f',
      'raw',
      '-F',
      name,
      dir.file('original.raw'),
      dir.file(`b.${to}.image`),
    )
    expect(compared).toContain('Images are identical')
  })

  test.each(variants)('to %s with %o keeps every byte, and qemu agrees', async (name, settings) => {
    await using dir = await scratch()
    const content = sparseBytes(7 * MiB + 512 * 5, 77)
    await writeFile(dir.file('original.raw'), content)
    await write(dir.file('image'), memoryDisk(content, { vague: true }), settings, name)
    await using result = await openDisk(dir.file('image'))
    expect(await compareDisks(memoryDisk(content), result)).toEqual({ kind: 'identical' })
    const compared = await qemuImg(
      'compare',
      '-f',
      'raw',
      '-F',
      qemuNames[name] ?? name,
      dir.file('original.raw'),
      dir.file('image'),
    )
    expect(compared).toContain('Images are identical')
    // Only for qcow2 does qemu look for damage; it exits with an error when it finds some.
    if (name === 'qcow2') await qemuImg('check', dir.file('image'))
  })

  test.each(diskFormats.filter((one) => one.check).map((one) => one.name))(
    '%s that was written has no findings',
    async (name) => {
      const { create, check } = format(name)
      if (!create || !check) return
      const file = new MemoryFile()
      const content = sparseBytes(5 * MiB, 5)
      await using sink = await create(file, { size: content.length })
      await convert(memoryDisk(content), sink)
      expect(await Array.fromAsync(check(file))).toEqual([])
    },
  )
})

describe('converting through streams', () => {
  const both = diskFormats.filter((one) => one.encode && one.decode).map((one) => one.name)

  test.each(both)('%s keeps every byte and tells its length before', async (name) => {
    const { encode, decode } = format(name)
    if (!encode || !decode) return
    const content = sparseBytes(8 * MiB + 512, 8)
    for (const scan of [false, true]) {
      const encoded = await encode(memoryDisk(content, { vague: scan }), { scan })
      const bytes = await collectBytes(encoded.bytes)
      expect(encoded.length ?? bytes.length).toBe(bytes.length)
      await using image = await openImage(new MemoryFile('encoded', bytes), format(name))
      expect(await compareDisks(image, memoryDisk(content))).toEqual({ kind: 'identical' })
      for (const to of writable) {
        const file = new MemoryFile()
        await using stream = await decode(inParts(bytes))
        await using sink = await format(to.name).create?.(file, { size: content.length })
        if (!sink || (sink.order === 'ascending' && stream.order === 'any')) continue
        await convertStream(stream, sink)
        await using result = await openImage(file, to)
        expect(await compareDisks(result, memoryDisk(content))).toEqual({ kind: 'identical' })
      }
    }
  })

  test.each(both)('%s says which byte is missing when its stream is cut', async (name) => {
    const { encode, decode } = format(name)
    if (!encode || !decode) return
    const bytes = await collectBytes((await encode(memoryDisk(sparseBytes(4 * MiB, 3)))).bytes)
    for (const length of [0, 100, 600, 2000, bytes.length >> 1, bytes.length - 100_000]) {
      const attempt = async (): Promise<void> => {
        await using stream = await decode(inParts(bytes.subarray(0, length)))
        for await (const part of stream.parts()) expect(part.bytes.length).toBeGreaterThan(0)
      }
      await expect(attempt()).rejects.toMatchObject({ code: expect.stringMatching(/truncated|not_streamable/) })
    }
  })
})

describe('a conversion', () => {
  test('leaves nothing behind when it is aborted', async () => {
    await using dir = await scratch()
    for (const { name } of writable) {
      const abort = new AbortController()
      const run = async (): Promise<void> => {
        await using sink = await createDisk(dir.file('out'), { size: 16 * MiB, format: name })
        const progress = (): void => abort.abort(new Error('enough'))
        await convert(memoryDisk(new Uint8Array(16 * MiB).fill(1)), sink, { signal: abort.signal, progress })
      }
      await expect(run()).rejects.toThrow('enough')
      expect(await readdir(dir.path)).toEqual([])
    }
  })

  test('leaves nothing behind when a read fails', async () => {
    await using dir = await scratch()
    const broken: DiskSource = {
      ...memoryDisk(new Uint8Array(16 * MiB).fill(1)),
      read: async (offset) => {
        if (offset >= 8 * MiB) throw new Error('the storage is gone')
      },
    }
    await expect(write(dir.file('out.vhd'), broken)).rejects.toThrow('the storage is gone')
    expect(await readdir(dir.path)).toEqual([])
  })

  test('tells how far it is, and ends at the total', async () => {
    const seen: number[] = []
    await using sink = await format('raw').create!(new MemoryFile(), { size: 7 * MiB })
    const progress = ({ bytes, total }: { bytes: number; total: number }): void => {
      expect(total).toBe(7 * MiB)
      seen.push(bytes)
    }
    await convert(memoryDisk(sparseBytes(7 * MiB, 1)), sink, { progress })
    expect(seen.at(-1)).toBe(7 * MiB)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  })

  test('replaces a file only when it is allowed, and only when complete', async () => {
    await using dir = await scratch()
    await writeFile(dir.file('out.raw'), 'precious')
    const source = memoryDisk(new Uint8Array(MiB))
    await expect(write(dir.file('out.raw'), source)).rejects.toMatchObject({ code: 'disk.exists' })
    {
      await using sink = await createDisk(dir.file('out.raw'), { size: MiB, replace: true })
      await sink.write(0, new Uint8Array(512).fill(9))
      expect(await readFile(dir.file('out.raw'), 'utf8')).toBe('precious')
    }
    expect(await readFile(dir.file('out.raw'), 'utf8')).toBe('precious')
    await using sink = await createDisk(dir.file('out.raw'), { size: MiB, replace: true })
    await convert(source, sink)
    expect((await readFile(dir.file('out.raw'))).length).toBe(MiB)
  })

  test('does not write zeros, whether the source tells of them or not', async () => {
    await using dir = await scratch()
    const content = new Uint8Array(64 * MiB)
    content.fill(7, 20 * MiB, 21 * MiB)
    for (const vague of [false, true]) {
      const path = dir.file(`${vague}.raw`)
      await write(path, memoryDisk(content, { vague }))
      const size = (JSON.parse(await qemuImg('info', '--output=json', path)) as { 'actual-size': number })[
        'actual-size'
      ]
      expect(size).toBeLessThan(1.1 * MiB)
    }
  })
})
