import { readFile, writeFile } from 'node:fs/promises'
import { collectBytes, concatBytes, equalBytes, isAppError, KiB, MiB, seededRandom, streamOf } from '@nixen/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sparseBytes } from '../../test/patterns.ts'
import { run, temporaryFolder } from '../../test/processes.ts'
import { MemoryFile } from '../memory-file.ts'
import { raw } from '../raw/raw.ts'
import { tarEnd, tarHeader, tarPadding } from '../tar/write.ts'
import { checksumFunction } from './checksum.ts'
import { readXva } from './read-stream.ts'
import { writeXva, type WriteXvaOptions } from './write.ts'
import { xva } from './xva.ts'

/** An ova.xml as XAPI writes it, cut down to what describes disks. */
function ovaXml(disks: readonly { ref: string; size: number }[]): string {
  const member = (name: string, value: string): string => `<member><name>${name}</name><value>${value}</value></member>`
  const objects = disks.map(
    ({ ref, size }) =>
      `<value><struct>${member('class', 'VDI')}${member('id', ref)}${member(
        'snapshot',
        `<struct>${member('uuid', `uuid-${ref}`)}${member('name_label', `disk &amp; ${ref}`)}${member('virtual_size', String(size))}</struct>`,
      )}</struct></value>`,
  )
  return `<value><struct>${member('version', '<struct/>')}${member('objects', `<array><data>${objects.join('')}</data></array>`)}</struct></value>`
}

async function optionsFor(disks: Record<string, Uint8Array>): Promise<WriteXvaOptions> {
  return {
    ovaXml: ovaXml(Object.entries(disks).map(([ref, bytes]) => ({ ref, size: bytes.length }))),
    disks: await Promise.all(
      Object.entries(disks).map(async ([ref, bytes]) => ({ ref, source: await raw.open(new MemoryFile(ref, bytes)) })),
    ),
  }
}

async function readBack(
  stream: AsyncIterable<Uint8Array>,
  ignoreChecksums = false,
): Promise<Record<string, Uint8Array>> {
  await using reader = await readXva(stream, { ignoreChecksums })
  const found: Record<string, Uint8Array> = {}
  for await (const disk of reader.disks()) {
    const bytes = new Uint8Array(disk.size)
    for await (const part of disk.parts()) bytes.set(part.bytes, part.offset)
    found[disk.ref] = bytes
  }
  return found
}

/** A chunk and its checksum as XAPI writes them. */
const chunk = (name: string, bytes: Uint8Array, sum?: string): Uint8Array => {
  const parts = [tarHeader({ name, size: bytes.length }), bytes, tarPadding(bytes.length)]
  if (sum === undefined) return concatBytes(parts)
  const text = Buffer.from(sum)
  return concatBytes([
    ...parts,
    tarHeader({ name: `${name}.xxhash`, size: text.length }),
    text,
    tarPadding(text.length),
  ])
}
const xvaOf = (size: number, chunks: readonly Uint8Array[]): Uint8Array => {
  const text = Buffer.from(ovaXml([{ ref: 'Ref:7', size }]))
  return concatBytes([chunk('ova.xml', text), ...chunks, tarEnd])
}

describe('an XVA', () => {
  const disks = {
    'Ref:9': sparseBytes(5 * MiB + 512, 1, 256 * KiB),
    'Ref:10': new Uint8Array(4 * MiB),
    'Ref:2': sparseBytes(300, 3),
  }

  test.each([
    ['xxhash', 'none'],
    ['sha1', 'gzip'],
    ['xxhash', 'zstd'],
  ] as const)('with %s and compression %s is the same after writing and reading', async (checksum, compression) => {
    const written = writeXva({ ...(await optionsFor(disks)), checksum, compression })
    const found = await readBack(written)
    expect(Object.keys(found)).toEqual(['Ref:10', 'Ref:2', 'Ref:9'])
    for (const [ref, bytes] of Object.entries(disks))
      expect(equalBytes(found[ref] ?? new Uint8Array(0), bytes)).toBe(true)
  })

  test('is listed by GNU tar, ova.xml first, disks in the order of their refs, zeros left out but for the first and the last chunk', async () => {
    await using folder = await temporaryFolder()
    await writeFile(
      folder.file('vm.xva'),
      writeXva(await optionsFor({ 'Ref:10': new Uint8Array(4 * MiB), 'Ref:9': new Uint8Array(10).fill(1) })),
    )
    const listed = (await run('tar', '-tf', folder.file('vm.xva'))).trim().split('\n')
    expect(listed).toEqual([
      'ova.xml',
      'Ref:10/00000000',
      'Ref:10/00000000.xxhash',
      'Ref:10/00000003',
      'Ref:10/00000003.xxhash',
      'Ref:9/00000000',
      'Ref:9/00000000.xxhash',
    ])
    await run('tar', '-C', folder.path, '-xf', folder.file('vm.xva'), 'Ref:9')
    const sum = await checksumFunction('xxhash')
    expect((await readFile(folder.file('Ref:9/00000000.xxhash'))).toString()).toBe(sum(new Uint8Array(10).fill(1)))
  })

  test('has XXH64 checksums in upper case', async () => {
    const sum = await checksumFunction('xxhash')
    // Published test vectors of xxHash with seed 0.
    expect(sum(new Uint8Array(0))).toBe('EF46DB3751D8E999')
    expect(sum(Buffer.from('abc'))).toBe('44BC2CF5AD770999')
  })

  test('opened as a file reads any range, and the disk that is named', async () => {
    const file = new MemoryFile('vm.xva', await collectBytes(writeXva(await optionsFor(disks))))
    const head = file.bytes().subarray(0, 65_536)
    expect(xva.probe({ path: 'vm.xva', head, tail: head.subarray(0, 0), size: await file.size() })).toBe(true)
    for (const [ref, expected] of Object.entries(disks)) {
      await using image = await xva.open(file, { disk: ref })
      const bytes = new Uint8Array(expected.length)
      await image.read(0, bytes)
      expect(equalBytes(bytes, expected)).toBe(true)
      const random = seededRandom(4)
      for (let round = 0; round < 50; round++) {
        const offset = Math.floor(random() * expected.length)
        const part = new Uint8Array(Math.floor(random() * (expected.length - offset))).fill(9)
        await image.read(offset, part)
        expect(equalBytes(part, expected.subarray(offset, offset + part.length))).toBe(true)
      }
      let end = 0
      for await (const extent of image.extents()) {
        expect(extent.offset).toBe(end)
        end += extent.length
      }
      expect(end).toBe(expected.length)
    }
    await expect(xva.open(file, { disk: 'Ref:5' })).rejects.toSatisfy((error) => isAppError(error, 'xva.no_disk'))
    expect(await Array.fromAsync(xva.check?.(file) ?? [])).toEqual([])
  })

  test('random disks are the same after writing and reading', async () => {
    const part = fc.record({
      zero: fc.boolean(),
      length: fc.integer({ min: 1, max: 3 * MiB }),
      value: fc.integer({ min: 1, max: 255 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
        const bytes = concatBytes(parts.map(({ zero, length, value }) => new Uint8Array(length).fill(zero ? 0 : value)))
        const found = await readBack(writeXva(await optionsFor({ 'Ref:1': bytes })))
        expect(equalBytes(found['Ref:1'] ?? new Uint8Array(1), bytes)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })
})

describe('a reader of XVAs', () => {
  const full = (value: number): Uint8Array => new Uint8Array(MiB).fill(value)

  test('counts an empty chunk, which keeps connections alive, as a number without a place', async () => {
    const bytes = xvaOf(4 * MiB, [
      chunk('Ref:7/00000000', full(1)),
      chunk('Ref:7/00000001', new Uint8Array(0), 'EF46DB3751D8E999'),
      chunk('Ref:7/00000002', full(2)),
      chunk('Ref:7/00000004', full(4)),
    ])
    const { 'Ref:7': disk = full(0) } = await readBack(streamOf(bytes))
    expect([0, 1, 2, 3].map((index) => disk[index * MiB])).toEqual([1, 2, 0, 4])
    await using image = await xva.open(new MemoryFile('x', bytes))
    const part = new Uint8Array(4 * MiB)
    await image.read(0, part)
    expect(equalBytes(part, disk)).toBe(true)
  })

  test('refuses a wrong checksum and says where it is, or takes it when told to', async () => {
    const bytes = xvaOf(2 * MiB, [
      chunk('Ref:7/00000000', full(1)),
      chunk('Ref:7/00000001', full(2), '0123456789ABCDEF'),
    ])
    await expect(readBack(streamOf(bytes))).rejects.toThrow(/Ref:7\/00000001 \(disk offset 1048576\)/)
    expect((await readBack(streamOf(bytes), true))['Ref:7']?.[MiB]).toBe(2)
    const found = await Array.fromAsync(xva.check?.(new MemoryFile('x', bytes)) ?? [])
    expect(found).toMatchObject([{ severity: 'error', code: 'checksum' }])
  })

  test.each([
    ['chunks that are out of order', 2 * MiB, ['00000001', '00000000'], 'disk.corrupt'],
    ['chunks behind the end of the disk', MiB, ['00000000', '00000001'], 'disk.corrupt'],
    ['a number that leads beyond every disk', 2 * MiB, ['00000000', '999999999999999'], 'disk.corrupt'],
    ['a disk that ends too early', 9 * MiB, ['00000000', '00000001'], 'disk.truncated'],
  ])('refuses %s', async (_, size, numbers, code) => {
    const bytes = xvaOf(
      size,
      numbers.map((number) => chunk(`Ref:7/${number}`, full(1))),
    )
    await expect(readBack(streamOf(bytes))).rejects.toSatisfy((error) => isAppError(error, code))
    await expect(xva.open(new MemoryFile('x', bytes))).rejects.toSatisfy(isAppError)
  })

  test.each([
    ['without ova.xml at its start', concatBytes([chunk('Ref:7/00000000', full(1)), tarEnd]), 'xva.not_first'],
    ['that is empty', new Uint8Array(0), 'xva.not_first'],
    ['whose ova.xml is no XML', concatBytes([chunk('ova.xml', Buffer.from('<oops')), tarEnd]), 'xva.metadata'],
    [
      'whose ova.xml is nested without end',
      concatBytes([chunk('ova.xml', Buffer.from('<a>'.repeat(300_000))), tarEnd]),
      'xva.metadata',
    ],
    [
      'with a file that does not belong',
      concatBytes([chunk('ova.xml', Buffer.from(ovaXml([]))), chunk('passwd', full(1)), tarEnd]),
      'xva.unexpected',
    ],
    [
      'with a disk that is not described',
      concatBytes([chunk('ova.xml', Buffer.from(ovaXml([]))), chunk('Ref:1/00000000', full(1)), tarEnd]),
      'xva.unexpected',
    ],
  ])('refuses a file %s', async (_, bytes, code) => {
    await expect(readBack(streamOf(bytes))).rejects.toSatisfy((error) => isAppError(error, code))
    await expect(xva.open(new MemoryFile('x', bytes))).rejects.toSatisfy(isAppError)
  })

  test('passes over disks that nobody reads', async () => {
    const whole = writeXva(await optionsFor({ 'Ref:1': sparseBytes(3 * MiB, 1), 'Ref:2': sparseBytes(MiB, 2) }))
    await using reader = await readXva(whole)
    expect(await Array.fromAsync(reader.disks(), ({ ref }) => ref)).toEqual(['Ref:1', 'Ref:2'])
  })

  test('ends damaged files with an error or a result', { timeout: 600_000 }, async () => {
    const whole = await collectBytes(writeXva(await optionsFor({ 'Ref:1': sparseBytes(40 * KiB, 1) })))
    const random = seededRandom(2)
    const rounds = process.env['NIXEN_LONG_TESTS'] === '1' ? 10_000 : 300
    for (let round = 0; round < rounds; round++) {
      const bytes = round % 2 ? whole.slice(0, random() * whole.length) : Uint8Array.from(whole)
      for (let count = 0; count < 3; count++) bytes[random() * Math.min(bytes.length, 3000)] = random() * 256
      for (const read of [() => readBack(streamOf(bytes)), () => xva.open(new MemoryFile('x', bytes))]) {
        const outcome = await read().catch((error: unknown) => error)
        expect(outcome instanceof Error ? isAppError(outcome) : true).toBe(true)
      }
    }
  })
})
