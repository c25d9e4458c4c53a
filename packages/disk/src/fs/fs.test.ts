import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAppError } from '@nixen/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  addLinks,
  contentOf,
  emptyImage,
  expectedOf,
  fixture,
  hash,
  makeTree,
  text,
  tool,
  volumesIn,
} from '../../test/file-systems.ts'
import { archiveEntries, chooseVolume, findFile, nameMatcher, tarArchive, walkFiles, zipArchive } from './index.ts'

const MiB = 1024 * 1024
let folder = ''
let tree = ''
let plain = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-fs-'))
  tree = join(folder, 'tree')
  plain = join(folder, 'plain')
  await makeTree(tree)
  await addLinks(tree)
  await makeTree(plain)
})
afterAll(async () => await rm(folder, { recursive: true, force: true }))

const ext = (...options: string[]) => ({
  size: 24 * MiB,
  make: async (image: string) => await tool('mke2fs', '-q', ...options, '-d', tree, image),
  links: true,
})
const fat = (size: number, ...options: string[]) => ({
  size,
  make: async (image: string) => {
    await tool('mkfs.vfat', ...options, image)
    const names = ['hello.txt', 'text.bin', 'sub', 'empty', 'sparse.bin', 'many'].map((name) => join(plain, name))
    await tool('mcopy', '-Q', '-s', '-i', image, ...names, '::')
  },
  links: false,
})
const made = {
  ext4: ext('-t', 'ext4'),
  'ext4 with blocks of 1 KiB': ext('-t', 'ext4', '-b', '1024'),
  'ext4 with data in inodes': ext('-t', 'ext4', '-O', 'inline_data', '-I', '256'),
  'ext4 of meta groups': ext('-t', 'ext4', '-O', 'meta_bg,^resize_inode', '-b', '1024'),
  ext3: ext('-t', 'ext3'),
  'ext2 with blocks of 1 KiB': ext('-t', 'ext2', '-b', '1024'),
  FAT12: fat(8 * MiB, '-F', '12', '-s', '8'),
  FAT16: fat(24 * MiB, '-F', '16'),
  FAT32: fat(40 * MiB, '-F', '32', '-s', '1'),
}

describe.each(Object.entries(made))('%s, made by Debian', (name, { size, make, links }) => {
  test('shows every file with its content', async () => {
    const image = await emptyImage(join(folder, 'image.raw'), size)
    await make(image)
    const volumes = await volumesIn(await readFile(image))
    const { reader, holds } = chooseVolume(volumes, undefined)
    expect(holds).toBe(name.split(' ')[0])
    expect(await contentOf(reader)).toEqual(await expectedOf(links ? tree : plain))
    if (!links) return
    const { node } = await findFile(reader, '/hello.txt', 'test')
    expect(node).toMatchObject({ mode: 0o640, uid: process.getuid?.() ?? 0 })
    expect(Math.abs((node.modified ?? 0) - Date.now())).toBeLessThan(24 * 3600_000)
  })
})

describe('XFS', () => {
  test.each([
    ['5', '1'],
    ['4', '0'],
  ])('of version %s shows every file with its content', async (_version, crc) => {
    const image = await emptyImage(join(folder, 'xfs.raw'), 48 * MiB)
    const prototype = join(folder, 'prototype')
    await writeFile(prototype, await prototypeOf())
    await tool('mkfs.xfs', '-q', '--unsupported', '-m', `crc=${crc}`, '-p', prototype, image)
    const { reader } = chooseVolume(await volumesIn(await readFile(image)), undefined)
    expect(await contentOf(reader)).toEqual(await expectedOf(tree))
    expect(reader.warnings).toEqual([])
  })

  test('with a tree of extents and large directories', async () => {
    const { reader } = chooseVolume(await volumesIn(await fixture('xfs.raw')), undefined)
    expect(reader).toMatchObject({ label: 'exes', warnings: [] })
    const found = await contentOf(reader)
    expect([...found.keys()].filter((path) => path.startsWith('/many/'))).toHaveLength(3000)
    expect(found.get('/frag.bin')).toContain('24e32f77ba24e629b484160ecbf62bbb8d27bc193358b9d9d92fc31dcb004357')
    expect(found.get('/text.txt')).toBe(`file 588895 ${lines}`)
    expect(found.get('/longlink')).toBe(`link ${'x'.repeat(600)}`)
    expect((await findFile(reader, '/hello.txt', 'test')).node).toMatchObject({ mode: 0o640, uid: 1000, gid: 100 })
  })

  test('says when its log holds something that was not written yet', async () => {
    const image = await fixture('xfs.raw')
    // Not an unmount record any more: the flag is in the block after the head.
    for (let at = 0; at < image.length; at += 512) {
      if (image.readUInt32BE(at) === 0xfeed_babe) image[at + 512 + 9] = 0
    }
    const { reader } = chooseVolume(await volumesIn(image), undefined)
    expect(reader.warnings).toHaveLength(1)
  })

  async function prototypeOf(): Promise<string> {
    const out = ['-', '0 0', 'd--755 0 0']
    const many = [...(await expectedOf(tree)).keys()]
      .filter((path) => path.startsWith('/many/'))
      .map((path) => path.slice(6))
    out.push(`hello.txt ---640 0 0 ${tree}/hello.txt`, `text.bin ---644 0 0 ${tree}/text.bin`)
    out.push(`empty ---644 0 0 ${tree}/empty`, `sparse.bin ---644 0 0 ${tree}/sparse.bin`)
    out.push('link l--777 0 0 hello.txt', `longlink l--777 0 0 ${'x'.repeat(200)}`)
    out.push('sub d--755 0 0', 'deep d--755 0 0', `a ---644 0 0 ${tree}/sub/deep/a`, '$', '$')
    out.push('many d--755 0 0', ...many.map((name) => `${name} ---644 0 0 ${tree}/many/${name}`), '$', '$')
    return `${out.join('\n')}\n`
  }
})

const lines = createHash('sha256').update(text(588_895)).digest('hex')

describe('NTFS', () => {
  test('shows compressed, scattered and sparse files, and links of Windows', async () => {
    const { reader } = chooseVolume(await volumesIn(await fixture('ntfs.raw')), undefined)
    expect(reader).toMatchObject({ name: 'NTFS', label: 'enti', uuid: '15776D525EE46B97' })
    const found = await contentOf(reader)
    expect([...found.keys()].filter((path) => path.startsWith('/many/'))).toHaveLength(600)
    expect(found.get('/text.txt')).toBe(`file 588895 ${lines}`)
    expect(found.get('/packed/text.txt')).toBe(`file 588895 ${lines}`)
    expect(found.get('/packed/mixed.bin')).toContain('1f9a5882b540d2419286d8a78703bf6f030bd8fc4d35274f651f6aa9b86ebadd')
    expect(found.get('/frag-a')).toContain('f943b01ad76218544d1c171203cf63da05be904577aeb967f63bf0e26717ad9d')
    expect(found.get('/frag-b')).toContain('63ec4037c9e56196cb70025b7fc5562842bcd64d22208418a5f9d684b6a29e09')
    expect(found.get('/sparse.bin')).toContain('2a1245077fabec2599a5ebcc90097d5672efdbd9b7b188b0092f089220292033')
    expect(found.get('/sub/umlaut-ä.txt')).toContain('file 7')
    expect(found.get('/tolink')).toBe('link sub/deep/a')
    expect((await findFile(reader, '/SUB/Deep/A', 'test')).path).toBe('/sub/deep/a')
  })

  test('made by mkntfs and filled by ntfscp', async () => {
    const image = await emptyImage(join(folder, 'ntfs.raw'), 12 * MiB)
    await tool('mkntfs', '-F', '-q', '-f', '-p', '0', '-H', '255', '-S', '63', image)
    await tool('ntfscp', '-q', image, join(tree, 'text.bin'), 'text.bin')
    const { reader } = chooseVolume(await volumesIn(await readFile(image)), undefined)
    const { node } = await findFile(reader, 'TEXT.BIN', 'test')
    expect(await hash(reader.content(node))).toBe(createHash('sha256').update(text(400_000)).digest('hex'))
  })
})

test('ext4 that was frozen while it ran is read with what its journal holds', async () => {
  const { reader } = chooseVolume(await volumesIn(await fixture('ext4-in-use.raw')), undefined)
  const found = await contentOf(reader)
  expect([...found.keys()]).toEqual(['/d', '/d/one'])
  expect(found.get('/d/one')).toBe(`file 4 ${createHash('sha256').update('one\n').digest('hex')}`)
  expect(reader.warnings[0]).toContain('1 transactions')
})

describe('partitions', () => {
  test.each([
    ['GPT', 'label: gpt\nstart=2048,size=16384\nstart=18432,size=49152,name=data\n', ['disk1/1', 'disk1/2']],
    ['MBR', 'label: dos\nstart=2048,size=16384\nstart=18432,size=49152\n', ['disk1/1', 'disk1/2']],
    [
      'MBR with logical ones',
      'label: dos\nstart=2048,size=8192\nstart=16384,type=5\nstart=18432,size=49152\n',
      ['disk1/1', 'disk1/5'],
    ],
  ])('%s', async (_name, script, ids) => {
    const image = await emptyImage(join(folder, 'parted.raw'), 40 * MiB)
    await writeFile(join(folder, 'script'), script)
    await tool('sh', '-c', `sfdisk -q "${image}" < "${join(folder, 'script')}"`)
    const bytes = await readFile(image)
    const one = await ext4(24 * MiB)
    one.copy(bytes, 18_432 * 512)
    const volumes = await volumesIn(bytes)
    expect(volumes.map(({ id, holds }) => `${id} ${holds}`)).toEqual([`${ids[0]} nothing`, `${ids[1]} ext4`])
    // Only one can be read, so it needs no name.
    expect(chooseVolume(volumes, undefined).id).toBe(ids[1])
    expect(() => chooseVolume(volumes, 'other')).toThrow('There are: disk1/')
  })

  test('GPT is found by its copy when the first one is gone', async () => {
    const image = await emptyImage(join(folder, 'parted.raw'), 40 * MiB)
    await writeFile(join(folder, 'script'), 'label: gpt\nstart=2048,size=16384\n')
    await tool('sh', '-c', `sfdisk -q "${image}" < "${join(folder, 'script')}"`)
    const bytes = await readFile(image)
    bytes.fill(0, 512, 2048 * 512)
    expect((await volumesIn(bytes)).map(({ id }) => id)).toEqual(['disk1/1'])
  })
})

async function ext4(size: number): Promise<Buffer> {
  const image = await emptyImage(join(folder, 'part.raw'), size)
  await tool('mke2fs', '-q', '-t', 'ext4', '-d', tree, image)
  return await readFile(image)
}

describe('LVM', () => {
  async function disks(): Promise<[Buffer, Buffer]> {
    const grown = async (name: string): Promise<Buffer> => {
      const bytes = Buffer.alloc(20 * MiB)
      ;(await fixture(name)).copy(bytes)
      return bytes
    }
    return [await grown('lvm-pv1.head'), await grown('lvm-pv2.head')]
  }

  test('puts volumes together that lie on two disks', async () => {
    const [first, second] = await disks()
    // As "lvs" showed it: extents of 1 MiB, the first one at 1 MiB.
    const linear = await ext4(16 * MiB)
    linear.copy(first, MiB, 0, 10 * MiB)
    linear.copy(second, 3 * MiB, 10 * MiB)
    const stripes = await ext4(8 * MiB)
    for (let at = 0; at < stripes.length; at += 65_536) {
      const row = at / 65_536
      const [disk, start] = row % 2 === 0 ? [first, 11 * MiB] : [second, 9 * MiB]
      stripes.copy(disk, start + Math.floor(row / 2) * 65_536, at, at + 65_536)
    }
    const volumes = await volumesIn(first, second)
    expect(volumes.map(({ id, holds }) => `${id} ${holds}`)).toEqual(['nixvg/linear ext4', 'nixvg/stripes ext4'])
    for (const { id } of volumes) {
      expect(await contentOf(chooseVolume(volumes, id).reader)).toEqual(await expectedOf(tree))
    }
  })

  test('names what lies on a disk that is not there', async () => {
    const [first] = await disks()
    const volumes = await volumesIn(first)
    expect(volumes[0]).toMatchObject({ id: 'nixvg/linear', holds: 'LVM' })
    expect(volumes[0]?.problem).toContain('not in this restore point')
  })
})

test.each([
  ['LUKS (encrypted)', 0, 'LUKS\xba\xbe'],
  ['BitLocker (encrypted)', 3, '-FVE-FS-'],
  ['swap', 4086, 'SWAPSPACE2'],
  ['nothing', 0, ''],
])('%s is named', async (holds, at, mark) => {
  const bytes = Buffer.alloc(MiB)
  bytes.write(mark, at, 'latin1')
  expect(await volumesIn(bytes)).toMatchObject([{ holds }])
})

describe('archives', () => {
  test.each(['tar', 'zip'] as const)('%s keeps content, modes, times and links', async (kind) => {
    const { reader } = chooseVolume(await volumesIn(await ext4(24 * MiB)), undefined)
    const entries = archiveEntries(reader, [await findFile(reader, '/', 'test')])
    const path = join(folder, `files.${kind}`)
    await writeFile(path, kind === 'tar' ? tarArchive(entries) : zipArchive(entries))
    const out = join(folder, `out-${kind}`)
    await mkdir(out)
    if (kind === 'tar') await tool('tar', '-xpf', path, '-C', out)
    else await tool('unzip', '-q', path, '-d', out)
    const found = await expectedOf(out)
    found.delete('/lost+found')
    expect(found).toEqual(await expectedOf(tree))
    const facts = async (root: string): Promise<string> => await tool('stat', '-c', '%a %u %Y', join(root, 'hello.txt'))
    expect(await facts(out)).toBe(await facts(tree))
  })

  test('what cannot be read is named in the archive, and the rest is there', async () => {
    const image = await ext4(24 * MiB)
    const { reader } = chooseVolume(await volumesIn(image), undefined)
    const { node } = await findFile(reader, '/text.bin', 'test')
    const broken = {
      ...reader,
      content: (file: typeof node) => (file.id === node.id ? failing() : reader.content(file)),
    }
    const path = join(folder, 'broken.tar')
    await writeFile(path, tarArchive(archiveEntries(broken, [await findFile(reader, '/', 'test')])))
    expect(await tool('tar', '-xOf', path, 'NIXEN-UNREADABLE.txt')).toContain(
      '/text.bin: from byte 5 on zeros: the disk is gone',
    )
    expect(await tool('tar', '-xOf', path, 'hello.txt')).toBe('hello\n')
  })
})

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('start')
  throw new Error('the disk is gone')
}

test.each([
  ['*.txt', 'hello.TXT', true],
  ['hell', 'Hello.txt', true],
  ['h?llo*', 'hello', true],
  ['*.txt', 'hello.bin', false],
  ['a*b*c', 'aXXbXXc', true],
  ['a*b*c', 'acb', false],
])('the pattern %s and the name %s', (pattern, name, expected) => {
  expect(nameMatcher(pattern)(name)).toBe(expected)
})

describe('a hostile file system', () => {
  const images = {
    ext4: async () => await ext4(8 * MiB),
    ext2: async () => {
      const image = await emptyImage(join(folder, 'hostile.raw'), 8 * MiB)
      await tool('mke2fs', '-q', '-t', 'ext2', '-b', '1024', '-d', tree, image)
      return await readFile(image)
    },
    fat: async () => {
      const image = await emptyImage(join(folder, 'hostile.raw'), 8 * MiB)
      await fat(0, '-F', '12', '-s', '8').make(image)
      return await readFile(image)
    },
    xfs: async () => await fixture('xfs.raw'),
    ntfs: async () => await fixture('ntfs.raw'),
    journal: async () => await fixture('ext4-in-use.raw'),
  }
  const seed = Number(process.env['NIXEN_SEED'] ?? Date.now() % 100_000)
  const rounds = process.env['NIXEN_LONG_TESTS'] ? 3000 : 60

  test.each(Object.entries(images))(
    '%s is read or refused with a sentence, whatever its bytes say',
    async (_name, make) => {
      const image = await make()
      const random = generator(seed)
      const places = interesting(image)
      for (let round = 0; round < rounds; round++) {
        const changed: [number, number][] = []
        for (let count = 0; count <= round % 12; count++) {
          const at = places[Math.floor(random() * places.length)] ?? 0
          changed.push([at, image[at] ?? 0])
          image[at] = random() < 0.3 ? 0xff : Math.floor(random() * 256)
        }
        const outcome = await readSome(image).catch((error: unknown) => error)
        // Only sentences of the catalogue come out.
        const fine = outcome === undefined || isAppError(outcome)
        expect(fine, `seed ${seed}, round ${round}: ${outcome instanceof Error ? outcome.stack : ''}`).toBe(true)
        for (const [at, byte] of changed.reverse()) image[at] = byte
      }
    },
  )

  async function readSome(image: Buffer): Promise<void> {
    for (const { reader } of await volumesIn(image)) {
      if (!reader) continue
      let [count, bytes] = [0, 0]
      for await (const { node } of walkFiles(reader, await findFile(reader, '/', 'test'))) {
        if (++count > 1000) return
        if (node.kind === 'link') await reader.target(node)
        if (node.kind !== 'file' || bytes > MiB) continue
        for await (const part of reader.content(node)) if ((bytes += part.length) > MiB) break
      }
    }
  }

  /** Bytes of blocks that are structures: the start, and what is not zero. */
  function interesting(image: Buffer): number[] {
    const found: number[] = []
    for (let at = 0; at < image.length && found.length < 200_000; at++) if (image[at] !== 0) found.push(at)
    return found
  }
})

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
