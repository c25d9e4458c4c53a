import { readFile, writeFile } from 'node:fs/promises'
import { equalBytes, isAppError, KiB, MiB } from '@nixen/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { run, temporaryFolder } from '../../test/processes.ts'
import { fatImage, type FatFile } from './fat-image.ts'

const seed: readonly FatFile[] = [
  { path: 'meta-data', content: 'instance-id: i-1\nlocal-hostname: grün\n' },
  { path: 'user-data', content: '#cloud-config\n' },
  { path: 'network-config', content: '' },
  { path: 'openstack/latest/meta_data.json', content: '{}' },
  { path: 'openstack/latest/user_data', content: new Uint8Array(100_000).fill(7) },
  { path: 'README.TXT', content: 'short' },
]

/** Checks an image with fsck.fat (which fails the test) and reads all files back with mtools; those that differ. */
async function check(image: Uint8Array, files: readonly FatFile[], offset = 0): Promise<string[]> {
  await using folder = await temporaryFolder()
  await writeFile(folder.file('volume'), image.subarray(offset))
  const differ: string[] = []
  await run('fsck.fat', '-n', '-v', folder.file('volume'))
  for (const [index, { path, content }] of files.entries()) {
    await run('mcopy', '-i', folder.file('volume'), `::/${path}`, folder.file(`out${index}`))
    if (!equalBytes(await readFile(folder.file(`out${index}`)), Buffer.from(content))) differ.push(path)
  }
  return differ
}

describe('a FAT image', () => {
  test.each([
    ['FAT16 of the usual size', {}],
    ['FAT12', { size: MiB }],
    ['FAT16 with clusters of 2 KiB', { size: 100 * MiB }],
    ['the smallest', { size: 256 * KiB }],
  ])('as %s is clean for fsck and read by mtools', async (_, options) => {
    expect(await check(fatImage({ label: 'cidata', files: seed, ...options }), seed)).toEqual([])
  })

  test('in a partition is found by its table', async () => {
    const image = fatImage({ label: 'CIDATA', files: seed, mbr: true })
    expect(image.length).toBe(10 * MiB)
    expect(await check(image, seed, MiB)).toEqual([])
    await using folder = await temporaryFolder()
    await writeFile(folder.file('disk'), image)
    expect(await run('blkid', '-p', folder.file('disk'))).toContain('PTTYPE="dos"')
    // Type 0x0E, from sector 2048 on to the end (18,432 sectors).
    const [type, ...numbers] = [image[450], ...new Uint32Array(image.slice(454, 462).buffer)]
    expect([type, ...numbers]).toEqual([0x0e, 2048, 18_432])
    expect(await run('blkid', '-p', '-O', String(MiB), folder.file('disk'))).toContain('LABEL="CIDATA"')
  })

  test('carries the label in the case that cloud-init looks for', async () => {
    await using folder = await temporaryFolder()
    await writeFile(folder.file('disk'), fatImage({ label: 'cidata', files: seed }))
    expect(await run('blkid', '-p', folder.file('disk'))).toMatch(/LABEL="cidata".*TYPE="vfat"/)
  })

  test('is the same for the same files, and another for others', () => {
    const image = fatImage({ label: 'cidata', files: seed })
    expect(equalBytes(image, fatImage({ label: 'cidata', files: seed }))).toBe(true)
    const other = fatImage({ label: 'cidata', files: [{ path: 'meta-data', content: 'x' }] })
    expect(equalBytes(image.subarray(39, 43), other.subarray(39, 43))).toBe(false)
  })

  test('grows with its files', async () => {
    const files = [{ path: 'big', content: new Uint8Array(40 * MiB).fill(1) }]
    expect(await check(fatImage({ label: 'data', files }), files)).toEqual([])
  })

  test('tells long names apart that are short the same way', async () => {
    const files = Array.from({ length: 30 }, (_, index) => ({
      path: `folder/a long name ${index}.json`,
      content: `${index}`,
    }))
    expect(await check(fatImage({ label: 'x', files }), files)).toEqual([])
  })

  test.each([
    [
      'a name twice',
      [
        { path: 'a', content: '' },
        { path: 'A', content: '' },
      ],
      'disk.bad_setting',
    ],
    [
      'a file that is a folder too',
      [
        { path: 'a', content: '' },
        { path: 'a/b', content: '' },
      ],
      'disk.bad_setting',
    ],
    ['an empty name', [{ path: 'a//b', content: '' }], 'disk.bad_setting'],
    ['a name with a colon', [{ path: 'a:b', content: '' }], 'disk.bad_setting'],
    ['a dot as a name', [{ path: '../a', content: '' }], 'disk.bad_setting'],
  ])('refuses %s', (_, files, code) => {
    expect(() => fatImage({ label: 'x', files })).toThrow(expect.objectContaining({ code }) as Error)
  })

  test('refuses files that do not fit, and a label that is too long', () => {
    const files = [{ path: 'a', content: new Uint8Array(2 * MiB) }]
    expect(() => fatImage({ label: 'x', files, size: MiB })).toThrow(/do not fit/)
    expect(() => fatImage({ label: 'x'.repeat(12), files: [] })).toThrow(/label/)
    let error: unknown
    try {
      fatImage({ label: 'x', files: [], size: 4096 })
    } catch (thrown) {
      error = thrown
    }
    expect(isAppError(error, 'disk.bad_size')).toBe(true)
  })

  test('holds any files', async () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_ü-]{1,40}(\.[a-z]{1,5})?$/)
    const file = fc.record({
      folders: fc.array(fc.constantFrom('a', 'Folder', 'long folder name'), { maxLength: 2 }),
      name,
      content: fc.string({ maxLength: 3000 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(file, { maxLength: 8, selector: (entry) => entry.name.toUpperCase() }),
        async (entries) => {
          const files = entries
            .map(({ folders, name: last, content }) => ({ path: [...folders, last].join('/'), content }))
            .filter(({ path }) => !/^(.*\/)?(a|folder)$/i.test(path))
          expect(await check(fatImage({ label: 'x', files, size: 4 * MiB }), files)).toEqual([])
        },
      ),
      { numRuns: 15 },
    )
  })
})
