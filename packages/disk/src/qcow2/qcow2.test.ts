import { symlink, mkdir, writeFile, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bytesOf, inParts, memoryDisk, qemuImg, qemuIo, scratch, sparseBytes } from '../../test/images.ts'
import { compareDisks, convert, createDisk, MemoryFile, openDisk, openImage, qcow2, type Finding } from '../index.ts'

const MiB = 1024 * 1024

/** What `qemu-img create` and `convert` make images of. */
const made: readonly (readonly [string, readonly string[]])[] = [
  ['version 3', []],
  ['version 2', ['-o', 'compat=0.10']],
  ['clusters of 512 bytes', ['-o', 'cluster_size=512']],
  ['clusters of 2 MiB', ['-o', 'cluster_size=2M']],
  ['zlib', ['-c']],
  ['zlib in version 2', ['-c', '-o', 'compat=0.10']],
  ['zstd', ['-c', '-o', 'compression_type=zstd']],
  ['zstd in large clusters', ['-c', '-o', 'compression_type=zstd,cluster_size=2M']],
  ['zlib in small clusters', ['-c', '-o', 'cluster_size=4k']],
  ['reference counts of 1 bit', ['-o', 'refcount_bits=1']],
  ['reference counts of 64 bits', ['-o', 'refcount_bits=64']],
  ['lazy reference counts', ['-o', 'lazy_refcounts=on']],
  ['preallocation', ['-o', 'preallocation=metadata']],
]

describe('reading what qemu-img makes', () => {
  test.each(made)('%s', async (_, options) => {
    await using dir = await scratch()
    const content = sparseBytes(10 * MiB + 512 * 7, 21)
    await writeFile(dir.file('a.raw'), content)
    await qemuImg('convert', '-f', 'raw', '-O', 'qcow2', ...options, dir.file('a.raw'), dir.file('a.qcow2'))
    await using image = await openDisk(dir.file('a.qcow2'))
    expect(await compareDisks(image, memoryDisk(content))).toEqual({ kind: 'identical' })
    expect(
      await Array.fromAsync(qcow2.check?.(new MemoryFile('a', await readFile(dir.file('a.qcow2')))) ?? []),
    ).toEqual([])
  })

  test.each(made)('%s, as a stream', async (_, options) => {
    await using dir = await scratch()
    const content = sparseBytes(10 * MiB + 512 * 7, 22)
    await writeFile(dir.file('a.raw'), content)
    await qemuImg('convert', '-f', 'raw', '-O', 'qcow2', ...options, dir.file('a.raw'), dir.file('a.qcow2'))
    const read = new Uint8Array(content.length)
    const decode = async (): Promise<void> => {
      if (!qcow2.decode) throw new Error('qcow2 has a decoder')
      await using stream = await qcow2.decode(inParts(await readFile(dir.file('a.qcow2'))))
      for await (const { offset, bytes } of stream.parts()) read.set(bytes, offset)
    }
    const outcome = await decode().then(
      () => (Buffer.compare(read, content) === 0 ? 'read' : 'wrong'),
      (error: { code?: string }) => error.code,
    )
    // Clusters and tables may be in an order that no stream reader can follow; then it has to say so.
    expect(['read', 'disk.not_streamable']).toContain(outcome)
  })

  test('chains of backing files, of other formats and smaller ones too', async () => {
    await using dir = await scratch()
    const content = sparseBytes(3 * MiB, 5)
    await writeFile(dir.file('base.raw'), content)
    await qemuImg('create', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', dir.file('one.qcow2'), '5M')
    await qemuIo(
      dir.file('one.qcow2'),
      'write -P 0x11 70k 3k',
      'write -z 1M 64k',
      'write -P 0x12 4M 64k',
      'discard 2M 128k',
    )
    await qemuImg('create', '-f', 'qcow2', '-b', 'one.qcow2', '-F', 'qcow2', dir.file('two.qcow2'), '6M')
    await qemuIo(dir.file('two.qcow2'), 'write -P 0x21 0 1k', 'write -P 0x22 5M 100k')
    await qemuImg('convert', '-O', 'raw', dir.file('two.qcow2'), dir.file('flat.raw'))
    await using image = await openDisk(dir.file('two.qcow2'))
    await using flat = await openDisk(dir.file('flat.raw'))
    expect(await compareDisks(image, flat)).toEqual({ kind: 'identical' })
    expect(image.info.parent?.info?.parent?.path).toBe('base.raw')
    await using sink = await createDisk(dir.file('copy.qcow2'), { size: image.size })
    await convert(image, sink)
    expect(await qemuImg('compare', dir.file('copy.qcow2'), dir.file('flat.raw'))).toContain('identical')
    await using alone = await openDisk(dir.file('two.qcow2'), { alone: true })
    const own = await bytesOf(alone)
    expect(own.subarray(65_536, 5 * MiB).every((byte) => byte === 0)).toBe(true)
  })

  test('an image with internal snapshots, as it is now', async () => {
    await using dir = await scratch()
    await qemuImg('create', '-f', 'qcow2', dir.file('a.qcow2'), '4M')
    await qemuIo(dir.file('a.qcow2'), 'write -P 1 0 1M')
    await qemuImg('snapshot', '-c', 'before', dir.file('a.qcow2'))
    await qemuIo(dir.file('a.qcow2'), 'write -P 2 512k 1M')
    await using image = await openDisk(dir.file('a.qcow2'))
    const bytes = await bytesOf(image)
    expect([bytes[0], bytes[600_000], bytes[2 * MiB]]).toEqual([1, 2, 0])
    expect(image.info.details).toMatchObject({ snapshots: 1 })
  })
})

describe('a qcow2 that should not be read', () => {
  test.each([
    ['external data', ['-o', 'data_file=DIR/data'], 'disk.unsupported'],
    ['extended L2', ['-o', 'extended_l2=on'], 'disk.unsupported'],
  ])('because of %s', async (_, options, code) => {
    await using dir = await scratch()
    await qemuImg(
      'create',
      '-f',
      'qcow2',
      ...options.map((one) => one.replace('DIR', dir.path)),
      dir.file('a.qcow2'),
      '1M',
    )
    await expect(openDisk(dir.file('a.qcow2'))).rejects.toMatchObject({ code })
  })

  test.each([
    ['corrupt', 79, 2, 'disk.corrupt'],
    ['encrypted', 35, 2, 'disk.unsupported'],
    ['an unknown feature', 79, 64, 'disk.unsupported'],
    ['a compression method of the future', 104, 9, 'disk.unsupported'],
  ])('because it is marked: %s', async (_, at, value, code) => {
    await using dir = await scratch()
    await qemuImg('create', '-f', 'qcow2', '-o', 'compression_type=zstd', dir.file('a.qcow2'), '1M')
    const bytes = await readFile(dir.file('a.qcow2'))
    bytes[at] = (bytes[at] ?? 0) | value
    await expect(qcow2.open(new MemoryFile('a', bytes))).rejects.toMatchObject({ code })
  })

  test('is read when it only was not closed, and check says so', async () => {
    await using dir = await scratch()
    await qemuImg('create', '-f', 'qcow2', dir.file('a.qcow2'), '1M')
    const bytes = await readFile(dir.file('a.qcow2'))
    bytes[79] = 1
    const file = new MemoryFile('a', bytes)
    await using image = await qcow2.open(file)
    expect(image.info.details).toMatchObject({ dirty: true })
    expect(await Array.fromAsync(qcow2.check?.(file) ?? [])).toMatchObject([{ severity: 'warning', code: 'dirty' }])
  })
})

describe('backing files', () => {
  const place = async (dir: { path: string; file(name: string): string }, backing: string): Promise<string> => {
    await mkdir(dir.file('in'), { recursive: true })
    await writeFile(dir.file('secret.raw'), new Uint8Array(MiB).fill(0x53))
    const path = dir.file('in/a.qcow2')
    await qemuImg('create', '-u', '-f', 'qcow2', '-b', backing, '-F', 'raw', path, '1M')
    return path
  }

  test.each([
    ['a relative name that leads out', '../secret.raw'],
    ['a name that leads out later', './x/../../secret.raw'],
    ['an absolute name', 'DIR/secret.raw'],
    ['a symbolic link', 'link.raw'],
    ['a symbolic link to a directory', 'up/secret.raw'],
    ['a protocol', 'nbd://localhost:1/x'],
    ['a description in JSON', 'json:{"driver":"file","filename":"DIR/secret.raw"}'],
  ])('do not lead out by %s', async (_, backing) => {
    await using dir = await scratch()
    const path = await place(dir, backing.replace('DIR', dir.path))
    await symlink('../secret.raw', dir.file('in/link.raw'))
    await symlink('..', dir.file('in/up'))
    await expect(openDisk(path)).rejects.toMatchObject({ code: 'disk.outside_directory' })
    await using whole = await openDisk(path, { directory: dir.path }).catch(() => undefined)
    // With the larger directory named, only file names work.
    expect(whole === undefined).toBe(/^[a-z]+:/.test(backing))
  })

  test('are found beside the image when their absolute name is of another machine', async () => {
    await using dir = await scratch()
    const path = await place(dir, '/var/lib/elsewhere/base.raw')
    await expect(openDisk(path)).rejects.toMatchObject({ code: 'disk.outside_directory' })
    await writeFile(dir.file('in/base.raw'), new Uint8Array(MiB).fill(3))
    await using image = await openDisk(path)
    expect((await bytesOf(image)).every((byte) => byte === 3)).toBe(true)
  })

  test('that are missing are named', async () => {
    await using dir = await scratch()
    const path = await place(dir, 'gone.raw')
    await expect(openDisk(path)).rejects.toMatchObject({
      code: 'disk.parent_missing',
      details: { reference: 'gone.raw' },
    })
  })

  test('that form a loop are an error', async () => {
    await using dir = await scratch()
    for (const [name, backing] of [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
      ['self', 'self'],
    ] as const) {
      await qemuImg(
        'create',
        '-u',
        '-f',
        'qcow2',
        '-b',
        `${backing}.qcow2`,
        '-F',
        'qcow2',
        dir.file(`${name}.qcow2`),
        '1M',
      )
    }
    await expect(openDisk(dir.file('a.qcow2'))).rejects.toMatchObject({ code: 'disk.chain_loop' })
    await expect(openDisk(dir.file('self.qcow2'))).rejects.toMatchObject({ code: 'disk.chain_loop' })
  })

  test('that never end are an error', async () => {
    await using dir = await scratch()
    await qemuImg('create', '-u', '-f', 'qcow2', '-b', 'base', '-F', 'qcow2', dir.file('0'), '1M')
    const bytes = await readFile(dir.file('0'))
    const at = bytes.indexOf('base', 104)
    for (let i = 0; i < 150; i++) {
      bytes.write(String(i + 1).padStart(4, '0'), at)
      await writeFile(dir.file(String(i).padStart(4, '0')), bytes)
    }
    await expect(openDisk(dir.file('0000'))).rejects.toMatchObject({ code: 'disk.chain_too_deep' })
  })
})

describe('checking', () => {
  async function findings(damage: (bytes: Buffer) => void): Promise<Finding[]> {
    await using dir = await scratch()
    await qemuImg('create', '-f', 'qcow2', dir.file('a.qcow2'), '4M')
    await qemuIo(dir.file('a.qcow2'), 'write -P 1 0 256k')
    const bytes = await readFile(dir.file('a.qcow2'))
    damage(bytes)
    return await Array.fromAsync(qcow2.check?.(new MemoryFile('a', bytes)) ?? [])
  }
  const l2At = (bytes: Buffer): number =>
    Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(40))) & 0xff_ffff_ffff_fe00n)

  test.each<[string, string, (bytes: Buffer) => void]>([
    [
      'two clusters in one place',
      'refcount',
      (bytes) => bytes.copy(bytes, l2At(bytes) + 8, l2At(bytes), l2At(bytes) + 8),
    ],
    ['a cluster beyond the end', 'outside', (bytes) => bytes.writeBigUInt64BE(0x8000_00ff_0000_0000n, l2At(bytes))],
    ['a cluster between clusters', 'unaligned', (bytes) => bytes.writeBigUInt64BE(0x8000_0000_0005_0200n, l2At(bytes))],
    ['a cluster that is lost', 'leaked', (bytes) => bytes.writeBigUInt64BE(0n, l2At(bytes))],
    ['a broken header', 'unreadable', (bytes) => bytes.writeUInt32BE(40, 20)],
  ])('finds %s', async (_, code, damage) => {
    expect(await findings(damage)).toContainEqual(expect.objectContaining({ code }))
  })
})

describe('writing', () => {
  test('keeps its memory small for tables of a disk of many terabytes', async () => {
    const file = new MemoryFile()
    const size = 64 * 1024 ** 4
    await using sink = await qcow2.create!(file, { size })
    const mark = new Uint8Array(512).fill(5)
    // One sector in each of 1,000 tables: more than are kept in memory.
    const step = 512 * MiB
    for (let i = 0; i < 1000; i++) await sink.write(i * step, mark)
    for (let i = 0; i < 1000; i++) await sink.write(i * step + 65_536, mark)
    await sink.finish()
    await using image = await openImage(file, qcow2)
    const into = new Uint8Array(1024)
    for (let i = 0; i < 1000; i += 37) {
      await image.read(i * step + 65_536, into)
      expect([into[0], into[511], into[512]]).toEqual([5, 5, 0])
    }
    expect(await Array.fromAsync(qcow2.check?.(file) ?? [])).toEqual([])
  })

  test('takes writes of any size at any place, and zeros over them', async () => {
    await using dir = await scratch()
    const shadow = new Uint8Array(3 * MiB)
    {
      await using sink = await createDisk(dir.file('a.qcow2'), { size: shadow.length, settings: { clusterSize: 4096 } })
      let seed = 7
      for (let i = 0; i < 300; i++) {
        seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
        const offset = seed % (shadow.length - 70_000)
        const length = seed % 70_000
        const value = i % 3 === 0 ? 0 : i % 256
        shadow.fill(value, offset, offset + length)
        if (value === 0) await sink.zero(offset, length)
        else await sink.write(offset, new Uint8Array(length).fill(value))
      }
      await sink.finish()
    }
    await using image = await openDisk(dir.file('a.qcow2'))
    expect(await compareDisks(image, memoryDisk(shadow))).toEqual({ kind: 'identical' })
    await qemuImg('check', dir.file('a.qcow2'))
    expect((await stat(join(dir.path, 'a.qcow2'))).size).toBeLessThan(4 * MiB)
  })
})
