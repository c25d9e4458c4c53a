import { execFile } from 'node:child_process'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { equalBytes, isAppError, KiB, MiB, seededRandom, viewOf } from '@nixen/core'
import fc from 'fast-check'
import { cpuTimeOf } from '@nixen/testkit/cpu-time'
import { describe, expect, test } from 'vitest'
import { bytesOf, memoryDisk, qemuImg, scratch, sparseBytes } from '../../test/images.ts'
import { compareDisks } from '../compare/compare.ts'
import { convert } from '../convert/convert.ts'
import { MemoryFile } from '../memory-file.ts'
import { createDisk, openDisk } from '../open.ts'
import { checksumWithout, crc32c } from './crc32c.ts'
import { guid, readGuid, writeGuid } from './guid.ts'
import { vhdx } from './vhdx.ts'

const content = sparseBytes(19 * MiB + 512 * 3, 21)

test('checksums are CRC-32C', () => {
  // RFC 3720 B.4.
  expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43)
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd_794e)
  expect(crc32c(Buffer.from('1234'), Buffer.from('56789'))).toBe(0xe306_9283)
})

test('GUIDs are written as they are read', () => {
  for (const text of Object.values(guid)) expect(readGuid(writeGuid(text))).toBe(text)
})

describe('reading what qemu-img makes', () => {
  test.each([
    ['dynamic', 'block_size=1M'],
    ['dynamic', 'block_size=8M'],
    ['dynamic', 'block_size=2M,block_state_zero=off'],
    ['fixed', 'block_size=4M'],
  ])('%s with %s', async (subformat, options) => {
    await using dir = await scratch()
    await writeFile(dir.file('a.raw'), content)
    const flags = `subformat=${subformat},${options}`
    await qemuImg('convert', '-f', 'raw', '-O', 'vhdx', '-o', flags, dir.file('a.raw'), dir.file('a.vhdx'))
    await using image = await openDisk(dir.file('a.vhdx'))
    expect(image.info.format).toBe('vhdx')
    const padded = new Uint8Array(image.size)
    padded.set(content)
    expect(await compareDisks(image, memoryDisk(padded))).toEqual({ kind: 'identical' })
    const random = seededRandom(6)
    for (let round = 0; round < 30; round++) {
      const offset = Math.floor(random() * padded.length)
      const part = new Uint8Array(Math.floor(random() * (padded.length - offset))).fill(1)
      await image.read(offset, part)
      expect(equalBytes(part, padded.subarray(offset, offset + part.length))).toBe(true)
    }
  })
})

describe('a file that was not closed', () => {
  /**
   * Writes with qemu-io, and makes the file what a crash between log and table would have left: qemu empties its log after each write, so the
   * headers get the GUID of the log back, and the table loses what the log has.
   */
  async function crashed(dir: { file(name: string): string }): Promise<void> {
    const path = dir.file('a.vhdx')
    await qemuImg('create', '-f', 'vhdx', '-o', 'block_size=1M', path, '19M')
    const commands = ['write -P 7 0 64k', 'write -P 8 17M 1M', 'flush', 'abort'].flatMap((command) => ['-c', command])
    await promisify(execFile)('qemu-io', [...commands, path]).catch(() => undefined)
    const bytes = await readFile(path)
    // The second entry, at 8 KiB, has a GUID of its own; the first is a leftover that must not count.
    const offset = logOf(bytes).offset + 8 * KiB
    for (const at of [64 * KiB, 128 * KiB]) {
      const header = bytes.subarray(at, at + 4096)
      header.set(bytes.subarray(offset + 32, offset + 48), 48)
      viewOf(header).setUint32(4, checksumWithout(header, 4), true)
    }
    const table = tableOffset(bytes)
    bytes.fill(0, table, table + 4 * KiB)
    await writeFile(path, bytes)
  }

  test('is read with its log replayed in memory, and left as it is', async () => {
    await using dir = await scratch()
    await crashed(dir)
    const before = await readFile(dir.file('a.vhdx'))
    const file = new MemoryFile('a.vhdx', before)
    await using replayed = await vhdx.open(file)
    expect(replayed.info.details['replayed']).toBeGreaterThan(0)
    await qemuImg('check', '-r', 'all', '-f', 'vhdx', dir.file('a.vhdx'))
    await qemuImg('convert', '-f', 'vhdx', '-O', 'raw', dir.file('a.vhdx'), dir.file('b.raw'))
    const expected = await readFile(dir.file('b.raw'))
    expect(await compareDisks(replayed, memoryDisk(expected))).toEqual({ kind: 'identical' })
    expect([expected[0], expected[17 * MiB]]).toEqual([7, 8])
    expect(equalBytes(file.bytes(), before)).toBe(true)
  })

  test('whose log is damaged is refused', async () => {
    await using dir = await scratch()
    await crashed(dir)
    const bytes = await readFile(dir.file('a.vhdx'))
    const { offset, length } = logOf(bytes)
    for (let at = offset; at < offset + length; at += 4096) bytes[at + 100] = (bytes[at + 100] ?? 0) ^ 1
    await expect(vhdx.open(new MemoryFile('a', bytes))).rejects.toThrow(/its log is damaged/)
  })
})

/** Place and length of the log, from the newer header. */
function logOf(bytes: Uint8Array): { offset: number; length: number } {
  const [first, second] = [64 * KiB, 128 * KiB].map((at) => viewOf(bytes.subarray(at, at + 4096)))
  if (!first || !second) throw new TypeError('there are two headers')
  const newer = first.getBigUint64(8, true) > second.getBigUint64(8, true) ? first : second
  return { offset: Number(newer.getBigUint64(72, true)), length: newer.getUint32(68, true) }
}

function tableOffset(bytes: Uint8Array): number {
  const regions = bytes.subarray(192 * KiB, 256 * KiB)
  const first = readGuid(regions.subarray(16, 32)) === guid.bat ? 16 : 48
  return Number(viewOf(regions).getBigUint64(first + 16, true))
}

describe('writing', () => {
  test.each([{}, { blockSize: MiB }, { blockSize: 32 * MiB }])(
    'with %o makes what qemu-img reads',
    async (settings) => {
      await using dir = await scratch()
      const bytes = 'sectorSize' in settings ? content.subarray(0, 16 * MiB) : content
      await writeFile(dir.file('a.raw'), bytes)
      {
        await using sink = await createDisk(dir.file('a.vhdx'), { size: content.length, settings })
        await convert(memoryDisk(content), sink)
      }
      expect(await qemuImg('info', '-f', 'vhdx', dir.file('a.vhdx'))).toContain('vhdx')
      expect(await qemuImg('check', '-f', 'vhdx', dir.file('a.vhdx'))).toContain('No errors')
      expect(await qemuImg('compare', '-f', 'vhdx', '-F', 'raw', dir.file('a.vhdx'), dir.file('a.raw'))).toContain(
        'identical',
      )
      await using image = await openDisk(dir.file('a.vhdx'))
      expect(await compareDisks(image, memoryDisk(content))).toEqual({ kind: 'identical' })
    },
  )

  test('with sectors of 4 KiB reads back as it was', async () => {
    const bytes = content.subarray(0, 16 * MiB)
    const file = new MemoryFile('a.vhdx')
    const sink = await vhdx.create?.(file, { size: bytes.length, settings: { sectorSize: 4096 } })
    await sink?.write(0, bytes)
    await sink?.finish()
    const image = await vhdx.open(file)
    expect(image.info.details['sectorSize']).toBe(4096)
    expect(await compareDisks(image, memoryDisk(bytes))).toEqual({ kind: 'identical' })
  })

  test('a disk over several bitmap chunks', async () => {
    await using dir = await scratch()
    const size = 20 * 1024 ** 3
    {
      await using sink = await createDisk(dir.file('a.vhdx'), { size, settings: { blockSize: 8 * MiB } })
      for (let offset = 0; offset < size; offset += 3 * 1024 ** 3)
        await sink.write(offset, new Uint8Array(4096).fill(1 + (offset % 251)))
      await sink.finish()
    }
    await qemuImg('convert', '-f', 'vhdx', '-O', 'qcow2', dir.file('a.vhdx'), dir.file('a.qcow2'))
    await using image = await openDisk(dir.file('a.vhdx'))
    await using copy = await openDisk(dir.file('a.qcow2'))
    expect(await compareDisks(image, copy)).toEqual({ kind: 'identical' })
  })

  test('random writes and zeros in any order read back as they were', async () => {
    const size = 9 * MiB + 512
    const step = fc.record({
      offset: fc.nat(size - 1),
      length: fc.integer({ min: 1, max: 2 * MiB }),
      value: fc.integer({ min: 0, max: 255 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const expected = new Uint8Array(size)
        const file = new MemoryFile('a.vhdx')
        const sink = await vhdx.create?.(file, { size, settings: { blockSize: MiB } })
        for (const { offset, length, value } of steps) {
          const end = Math.min(size, offset + length)
          expected.fill(value, offset, end)
          if (value === 0) await sink?.zero(offset, end - offset)
          else await sink?.write(offset, expected.slice(offset, end))
        }
        await sink?.finish()
        expect(equalBytes(await bytesOf(await vhdx.open(file)), expected)).toBe(true)
      }),
      { numRuns: 15 },
    )
  })

  test('refuses sizes and settings that can not be', async () => {
    const create = async (size: number, settings = {}): Promise<void> =>
      void (await vhdx.create?.(new MemoryFile('a'), { size, settings }))
    await expect(create(513)).rejects.toSatisfy((error) => isAppError(error, 'disk.bad_size'))
    await expect(create(65 * 1024 ** 4)).rejects.toSatisfy((error) => isAppError(error, 'disk.too_large'))
    await expect(create(MiB, { blockSize: 3 * MiB })).rejects.toSatisfy((error) =>
      isAppError(error, 'disk.bad_setting'),
    )
  })
})

describe('a differencing disk', () => {
  /** A child of 4 MiB over `parentName`: the first half of its first MiB and all of its third are its own, its fourth is zeros. */
  async function makeChild(linkage: string, parentName: string): Promise<Uint8Array> {
    const file = new MemoryFile('child')
    const sink = await vhdx.create?.(file, { size: 4 * MiB, settings: { blockSize: MiB } })
    await sink?.write(0, new Uint8Array(512 * KiB).fill(0xc1))
    await sink?.write(2 * MiB, new Uint8Array(MiB).fill(0xc3))
    await sink?.finish()
    const bytes = new Uint8Array((await file.size()) + 2 * MiB)
    bytes.set(file.bytes())
    // A table for a chunk of 4,096 blocks is longer: the bitmap's entry is at 4,096, still within the first MiB.
    const bitmapAt = bytes.length - 2 * MiB
    // Sectors of the first block: 1,024 of 2,048, the lowest bit first.
    bytes.fill(0xff, bitmapAt, bitmapAt + 128)
    const table = viewOf(bytes.subarray(tableOffset(bytes)))
    table.setUint32(0, (table.getUint32(0, true) & ~7) | 7, true)
    table.setUint32(3 * 8, 2, true)
    table.setUint32(4096 * 8, (((bitmapAt / MiB) << 20) | 6) >>> 0, true)
    setParent(bytes, { parent_linkage: `{${linkage}}`, relative_path: `.\\${parentName}` })
    return bytes
  }

  function setParent(bytes: Uint8Array, entries: Record<string, string>): void {
    const metadata = bytes.subarray(2 * MiB)
    const view = viewOf(metadata)
    const count = view.getUint16(10, true)
    const texts = Object.entries(entries).map(([key, value]) => ({
      key: Buffer.from(key, 'utf16le'),
      value: Buffer.from(value, 'utf16le'),
    }))
    const locator = Buffer.alloc(1024)
    locator.set(writeGuid(guid.vhdxLocator))
    locator.writeUInt16LE(texts.length, 18)
    let end = 20 + texts.length * 12
    for (const [index, { key, value }] of texts.entries()) {
      const at = 20 + index * 12
      locator.writeUInt32LE(end, at)
      locator.writeUInt32LE(end + key.length, at + 4)
      locator.writeUInt16LE(key.length, at + 8)
      locator.writeUInt16LE(value.length, at + 10)
      locator.set(key, end)
      locator.set(value, end + key.length)
      end += key.length + value.length
    }
    const entry = 32 + count * 32
    metadata.set(writeGuid(guid.parentLocator), entry)
    view.setUint32(entry + 16, 128 * KiB, true)
    view.setUint32(entry + 20, end, true)
    view.setUint32(entry + 24, 4, true)
    view.setUint16(10, count + 1, true)
    metadata.set(locator, 128 * KiB)
    // The file parameters come first: bit 1 is "has a parent".
    view.setUint32(64 * KiB + 4, 2, true)
  }

  test('reads its own sectors, zeros, and what its parent has', async () => {
    await using dir = await scratch()
    const base = sparseBytes(4 * MiB, 5)
    {
      await using sink = await createDisk(dir.file('base.vhdx'), { size: base.length })
      await convert(memoryDisk(base), sink)
    }
    let linkage = ''
    {
      await using parent = await openDisk(dir.file('base.vhdx'))
      linkage = String(parent.info.details['dataWriteGuid'])
    }
    await writeFile(dir.file('child.vhdx'), await makeChild(linkage, 'base.vhdx'))
    const expected = Uint8Array.from(base)
    expected.fill(0xc1, 0, 512 * KiB)
    expected.fill(0xc3, 2 * MiB, 3 * MiB)
    expected.fill(0, 3 * MiB)
    await using child = await openDisk(dir.file('child.vhdx'))
    expect(child.info.details['subformat']).toBe('differencing')
    expect(await compareDisks(child, memoryDisk(expected))).toEqual({ kind: 'identical' })
    const changes = await Array.fromAsync(child.extents({ since: linkage as never }))
    expect(changes).toEqual([
      { offset: 0, length: 512 * KiB, kind: 'data' },
      { offset: 2 * MiB, length: MiB, kind: 'data' },
      { offset: 3 * MiB, length: MiB, kind: 'zero' },
    ])
    await writeFile(dir.file('stray.vhdx'), await makeChild('00000000-1111-2222-3333-444444444444', 'base.vhdx'))
    await expect(openDisk(dir.file('stray.vhdx'))).rejects.toSatisfy((error) =>
      isAppError(error, 'disk.parent_mismatch'),
    )
    await rename(dir.file('base.vhdx'), dir.file('elsewhere.vhdx'))
    await expect(openDisk(dir.file('child.vhdx'))).rejects.toSatisfy((error) =>
      isAppError(error, 'disk.parent_missing'),
    )
    await writeFile(dir.file('out.vhdx'), await makeChild(linkage, '..\\..\\etc\\passwd'))
    await expect(openDisk(dir.file('out.vhdx'))).rejects.toSatisfy(isAppError)
  })
})

test('a check finds two blocks in one place, a damaged copy of a header, and nothing in a good file', async () => {
  const file = new MemoryFile('a')
  const sink = await vhdx.create?.(file, { size: 6 * MiB, settings: { blockSize: MiB } })
  await sink?.write(0, new Uint8Array(2 * MiB).fill(1))
  await sink?.finish()
  const findings = async (bytes: Uint8Array): Promise<string[]> =>
    (await Array.fromAsync(vhdx.check?.(new MemoryFile('a', bytes)) ?? [])).map(({ code }) => code)
  expect(await findings(file.bytes())).toEqual([])
  const damaged = file.bytes()
  damaged[64 * KiB + 20] = 1
  damaged.copyWithin(3 * MiB, 3 * MiB + 8, 3 * MiB + 16)
  damaged.fill(0xff, 3 * MiB + 16, 3 * MiB + 24)
  expect(await findings(damaged)).toEqual(['checksum', 'overlap', 'state'])
  expect(await findings(damaged.subarray(0, 70_000))).toEqual(['checksum', 'structure'])
})

test('damaged files end in an error or a result, also when their checksums fit', async () => {
  const file = new MemoryFile('a')
  const sink = await vhdx.create?.(file, { size: 6 * MiB, settings: { blockSize: MiB } })
  await sink?.write(MiB, new Uint8Array(MiB).fill(1))
  await sink?.finish()
  const whole = file.bytes()
  const random = seededRandom(9)
  const areas = [64 * KiB, 128 * KiB, 192 * KiB, 256 * KiB, MiB, 2 * MiB, 2 * MiB + 64 * KiB, 3 * MiB]
  for (let round = 0; round < 300; round++) {
    const bytes = Uint8Array.from(whole)
    for (let count = 0; count < 3; count++) {
      const area = areas[Math.floor(random() * areas.length)] ?? 0
      bytes[area + Math.floor(random() * 100)] = random() > 0.5 ? 0xff : random() * 256
    }
    for (const [at, length] of [
      [64 * KiB, 4096],
      [128 * KiB, 4096],
      [192 * KiB, 65_536],
      [256 * KiB, 65_536],
    ] as const) {
      const part = bytes.subarray(at, at + length)
      if (round % 4) viewOf(part).setUint32(4, checksumWithout(part, 4), true)
    }
    const cut = round % 6 ? bytes : bytes.subarray(0, random() * bytes.length)
    const use = async (): Promise<void> => {
      await using image = await vhdx.open(new MemoryFile('a', cut), { alone: true })
      await image.read(0, new Uint8Array(Math.min(image.size, 2 * MiB)))
      let count = 0
      for await (const _ of image.extents()) if (count++ > 1000) break
    }
    const cpuTime = await cpuTimeOf(async () => {
      const outcome = await use().catch((error: unknown) => error)
      expect(outcome === undefined || isAppError(outcome)).toBe(true)
    })
    expect(cpuTime).toBeLessThan(1000)
  }
})
