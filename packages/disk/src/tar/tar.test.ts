import { createReadStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { collectBytes, equalBytes, isAppError, seededRandom, streamOf } from '@nixen/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { run, temporaryFolder } from '../../test/processes.ts'
import { compress, decompress } from './compression.ts'
import { TarStream } from './tar-stream.ts'
import { tarHeader, writeTar } from './write.ts'

const names = [
  'short',
  `${'d/'.repeat(70)}file`,
  'x'.repeat(130),
  `${'long-folder/'.repeat(20)}${'name'.repeat(30)}`,
  'ümlaut/ß',
]

async function entriesOf(stream: AsyncIterable<Uint8Array>): Promise<{ name: string; text: string }[]> {
  await using tar = new TarStream(stream)
  const found: { name: string; text: string }[] = []
  for (let entry = await tar.next(); entry; entry = await tar.next()) {
    if (entry.kind === 'file') found.push({ name: entry.name, text: Buffer.from(await tar.read(1 << 20)).toString() })
  }
  return found
}

describe('a tar file', () => {
  test('that we write is extracted by GNU tar', async () => {
    await using folder = await temporaryFolder()
    const entries = names.map((name, index) => {
      const content = Buffer.from(`content ${index} `.repeat(index * 100))
      return { name, size: content.length, content }
    })
    await writeFile(folder.file('t.tar'), writeTar(entries))
    expect((await run('tar', '--quoting-style=literal', '-tf', folder.file('t.tar'))).trim().split('\n')).toEqual(names)
    await mkdir(folder.file('out'))
    await run('tar', '-xf', folder.file('t.tar'), '-C', folder.file('out'))
    for (const { name, content } of entries) {
      expect(equalBytes(await readFile(folder.file(`out/${name}`)), content)).toBe(true)
    }
  })

  test.each(['gnu', 'pax', 'ustar', 'v7'])('in the format %s is read', async (format) => {
    await using folder = await temporaryFolder()
    const usable =
      format === 'v7' ? ['short', 'a/b'] : format === 'ustar' ? ['short', names[1] ?? '', 'ümlaut/ß'] : names
    for (const name of usable) {
      await run('mkdir', '-p', folder.file(`in/${name}/..`.replace(/[^/]*\/\.\.$/, '')))
      await writeFile(folder.file(`in/${name}`), `content of ${name}`)
    }
    await run('tar', `--format=${format}`, '-C', folder.file('in'), '-cf', folder.file('t.tar'), usable)
    const found = await entriesOf(createReadStream(folder.file('t.tar')))
    expect(found).toEqual(usable.map((name) => ({ name, text: `content of ${name}` })))
  })

  test('says how large a file beyond 8 GiB is', async () => {
    const size = 20 * 1024 ** 3
    const tar = new TarStream(streamOf(tarHeader({ name: 'big', size })))
    expect(await tar.next()).toMatchObject({ name: 'big', size })
  })

  test('ends with an error when it is cut, and is never read beyond its end', async () => {
    const whole = await collectBytes(
      writeTar(names.map((name) => ({ name, size: 700, content: Buffer.alloc(700, 1) }))),
    )
    for (let length = 1; length < whole.length - 1024; length += 97) {
      const outcome = await entriesOf(streamOf(whole.subarray(0, length))).catch((error: unknown) => error)
      // Between two entries the plain end counts as the end.
      expect(isAppError(outcome) || Array.isArray(outcome)).toBe(true)
    }
  })

  test('of damaged bytes is an error or other entries', async () => {
    const whole = await collectBytes(
      writeTar(names.map((name) => ({ name, size: 700, content: Buffer.alloc(700, 1) }))),
    )
    const random = seededRandom(1)
    for (let round = 0; round < 2000; round++) {
      const bytes = Uint8Array.from(whole)
      for (let count = 0; count < 4; count++) bytes[random() * 4000] = random() * 256
      const outcome = await entriesOf(streamOf(bytes)).catch((error: unknown) => error)
      expect(isAppError(outcome) || Array.isArray(outcome)).toBe(true)
    }
  })

  test('is the same after writing and reading', async () => {
    const entry = fc.record({
      name: fc
        .string({ minLength: 1, maxLength: 300, unit: 'grapheme' })
        .map((name) => name.replaceAll(/[\0/\n]/g, 'x')),
      text: fc.string({ maxLength: 2000 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 5 }), async (entries) => {
        const written = entries.map(({ name, text }) => {
          const content = Buffer.from(text)
          return { name: Buffer.from(name).toString(), size: content.length, content }
        })
        const found = await entriesOf(writeTar(written))
        expect(found).toEqual(written.map(({ name, content }) => ({ name, text: content.toString() })))
      }),
      { numRuns: 200 },
    )
  })
})

describe.each(['none', 'gzip', 'zstd'] as const)('compression %s', (compression) => {
  test('comes off as it went on', async () => {
    const bytes = Buffer.from('some content '.repeat(50_000))
    const found = await decompress(compress(streamOf(bytes.subarray(0, 7), bytes.subarray(7)), compression))
    expect(found.compression).toBe(compression)
    expect(equalBytes(await collectBytes(found.stream), bytes)).toBe(true)
  })

  test('that is damaged is an error', async () => {
    const bytes = await collectBytes(compress(streamOf(Buffer.from('some content '.repeat(50_000))), compression))
    const cut = await decompress(streamOf(bytes.subarray(0, bytes.length / 2)))
    const outcome = await collectBytes(cut.stream).catch((error: unknown) => error)
    expect(compression === 'none' || isAppError(outcome, 'disk.corrupt')).toBe(true)
  })
})
