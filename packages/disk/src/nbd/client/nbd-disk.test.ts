import { writeFile } from 'node:fs/promises'
import { equalBytes, isAppError, isZero, KiB, MiB } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import type { DiskSource, Extent } from '../../disk-source.ts'
import { makeCertificates } from '../../../test/certificates.ts'
import { sparseBytes } from '../../../test/patterns.ts'
import { run, startDaemon, temporaryFolder } from '../../../test/processes.ts'
import { MemoryFile } from '../../memory-file.ts'
import { raw } from '../../raw/raw.ts'
import { readAhead } from '../read-ahead.ts'
import { serveNbd } from '../server/server.ts'
import { listNbdContexts, listNbdExports } from './connect.ts'
import { NbdDisk, openNbd } from './nbd-disk.ts'

async function readAll(disk: NbdDisk): Promise<Uint8Array> {
  const whole = new Uint8Array(disk.size)
  for await (const { offset, bytes } of readAhead(disk, { partSize: 300 * KiB, depth: 8 })) whole.set(bytes, offset)
  return whole
}

async function list(extents: AsyncIterable<Extent>): Promise<Extent[]> {
  return Array.fromAsync(extents)
}

/** The same 24 MiB disk on servers of others. */
const servers = [
  {
    name: 'nbdkit',
    start: (socket: string, image: string) => startDaemon(socket, 'nbdkit', '-f', '-U', socket, 'file', image),
  },
  {
    name: 'nbdkit without structured replies',
    start: (socket: string, image: string) =>
      startDaemon(socket, 'nbdkit', '-f', '-U', socket, '--no-sr', 'file', image),
  },
  {
    name: 'nbdkit with an old handshake',
    start: (socket: string, image: string) =>
      startDaemon(socket, 'nbdkit', '-f', '-U', socket, '--mask-handshake=0', 'file', image),
  },
  {
    name: 'nbdkit with blocks of 4 KiB',
    start: (socket: string, image: string) =>
      startDaemon(
        socket,
        'nbdkit',
        '-f',
        '-U',
        socket,
        '--filter=blocksize-policy',
        'file',
        image,
        'blocksize-minimum=4096',
        'blocksize-preferred=64K',
        'blocksize-maximum=256K',
        'blocksize-error-policy=error',
      ),
  },
  {
    name: 'qemu-nbd',
    start: (socket: string, image: string) =>
      startDaemon(socket, 'qemu-nbd', '-k', socket, '-f', 'raw', '--persistent', '--shared=8', image),
  },
] as const

describe.each(servers)('a client of $name', ({ start }) => {
  const size = 24 * MiB
  const content = sparseBytes(size, 1)

  test('reads the whole disk, and its zeros only where they are', async () => {
    await using folder = await temporaryFolder()
    await writeFile(folder.file('disk'), content)
    await run('fallocate', '--dig-holes', folder.file('disk'))
    await using _server = await start(folder.file('s'), folder.file('disk'))
    await using disk = await openNbd({ socketPath: folder.file('s'), connections: 3 })
    expect(disk.size).toBe(size)
    expect(equalBytes(await readAll(disk), content)).toBe(true)
    let end = 0
    for await (const extent of disk.extents()) {
      expect(extent.offset).toBe(end)
      end += extent.length
      const zeros = isZero(content.subarray(extent.offset, end))
      expect(extent.kind === 'data' || zeros).toBe(true)
    }
    expect(end).toBe(size)
    const odd = new Uint8Array(10_001)
    await disk.read(4095, odd)
    expect(equalBytes(odd, content.subarray(4095, 4095 + odd.length))).toBe(true)
  })

  test('writes, zeroes and flushes', async () => {
    await using folder = await temporaryFolder()
    await writeFile(folder.file('disk'), content)
    await using _server = await start(folder.file('s'), folder.file('disk'))
    await using disk = await openNbd({ socketPath: folder.file('s') })
    const expected = Uint8Array.from(content)
    const bytes = sparseBytes(3 * MiB, 2)
    expected.set(bytes, 5 * MiB)
    expected.fill(0, 11 * MiB, 14 * MiB)
    await disk.write(5 * MiB, bytes)
    await disk.zero(11 * MiB, 3 * MiB)
    await disk.flush()
    expect(equalBytes(await readAll(disk), expected)).toBe(true)
  })
})

describe('dirty bitmaps', () => {
  test('a bitmap of qemu tells what changed since', async () => {
    await using folder = await temporaryFolder()
    const [image, socketPath] = [folder.file('disk.qcow2'), folder.file('s')]
    await run('qemu-img', 'create', '-f', 'qcow2', image, '64M')
    await run('qemu-io', '-c', 'write -P 1 0 16M', image)
    await run('qemu-img', 'bitmap', '--add', image, 'since')
    await run('qemu-io', '-c', 'write -P 2 1M 64k', '-c', 'write -z 8M 1M', '-c', 'write -P 3 40M 128k', image)
    await using _server = await startDaemon(socketPath, 'qemu-nbd', '-k', socketPath, '-r', '-t', '-B', 'since', image)
    const context = 'qemu:dirty-bitmap:since'
    expect(await listNbdContexts({ socketPath })).toEqual(['base:allocation', context])
    await using disk = await openNbd({ socketPath, contexts: [context] })
    expect(disk.readOnly).toBe(true)
    expect(await list(disk.extents({ since: NbdDisk.token(context) }))).toEqual([
      { offset: MiB, length: 64 * KiB, kind: 'data' },
      { offset: 8 * MiB, length: MiB, kind: 'zero' },
      { offset: 40 * MiB, length: 128 * KiB, kind: 'data' },
    ])
    expect(() => disk.extents({ since: NbdDisk.token('qemu:dirty-bitmap:gone') })).toThrow(/no metadata context/)
  })
})

describe('resuming', () => {
  test('goes on reading after the server was killed and came back', async () => {
    await using folder = await temporaryFolder()
    const content = sparseBytes(16 * MiB, 3)
    await writeFile(folder.file('disk'), content)
    const start = () =>
      startDaemon(
        folder.file('s'),
        'nbdkit',
        '-f',
        '-U',
        folder.file('s'),
        '--filter=delay',
        'file',
        folder.file('disk'),
        'rdelay=20ms',
      )
    const first = await start()
    await using disk = await openNbd({ socketPath: folder.file('s'), connections: 2, resumeWithin: 60_000 })
    await using later = new AsyncDisposableStack()
    const whole = new Uint8Array(disk.size)
    let parts = 0
    for await (const { offset, bytes } of readAhead(disk, { partSize: 300 * KiB, depth: 8 })) {
      whole.set(bytes, offset)
      if (++parts !== 3) continue
      await first.kill()
      await run('rm', folder.file('s'))
      later.use(await start())
    }
    expect(parts).toBeGreaterThan(50)
    expect(equalBytes(whole, content)).toBe(true)
  })

  test('a flush after a cut says that earlier writes may be lost', async () => {
    await using folder = await temporaryFolder()
    await writeFile(folder.file('disk'), new Uint8Array(MiB))
    const start = () =>
      startDaemon(folder.file('s'), 'nbdkit', '-f', '-U', folder.file('s'), 'file', folder.file('disk'))
    const first = await start()
    await using disk = await openNbd({ socketPath: folder.file('s'), resumeWithin: 60_000 })
    await disk.write(0, new Uint8Array(4096).fill(1))
    await first.kill()
    await run('rm', folder.file('s'))
    await using _second = await start()
    await expect(disk.flush()).rejects.toSatisfy((error) => isAppError(error, 'nbd.unflushed_writes_lost'))
    await disk.write(0, new Uint8Array(4096).fill(1))
    await disk.flush()
  })

  test('gives up when the server stays away', async () => {
    await using folder = await temporaryFolder()
    await writeFile(folder.file('disk'), new Uint8Array(MiB))
    const server = await startDaemon(
      folder.file('s'),
      'nbdkit',
      '-f',
      '-U',
      folder.file('s'),
      'file',
      folder.file('disk'),
    )
    await using disk = await openNbd({ socketPath: folder.file('s'), resumeWithin: 200 })
    await server.kill()
    await expect(disk.read(0, new Uint8Array(512))).rejects.toSatisfy((error) => isAppError(error, 'nbd.unreachable'))
  })
})

test('lists the exports of a server', async () => {
  await using folder = await temporaryFolder()
  await writeFile(folder.file('one.img'), new Uint8Array(MiB))
  await writeFile(folder.file('two.img'), new Uint8Array(MiB))
  await using _server = await startDaemon(
    folder.file('s'),
    'nbdkit',
    '-f',
    '-U',
    folder.file('s'),
    'file',
    `dir=${folder.path}`,
  )
  const names = (await listNbdExports({ socketPath: folder.file('s') })).map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['one.img', 'two.img']))
  await using disk = await openNbd({ socketPath: folder.file('s'), exportName: 'two.img' })
  expect(disk.size).toBe(MiB)
  await expect(openNbd({ socketPath: folder.file('s'), exportName: 'three' })).rejects.toSatisfy(isAppError)
})

test('an abort ends a read that waits, and the connection goes on', async () => {
  await using folder = await temporaryFolder()
  const memory = await raw.open(new MemoryFile('disk', new Uint8Array(MiB).fill(7)))
  const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const source: DiskSource = {
    size: memory.size,
    extents: (options) => memory.extents(options),
    read: async (offset, into) => {
      if (offset === 0) {
        asked.resolve()
        await answered.promise
      }
      await memory.read(offset, into)
    },
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  }
  const socketPath = folder.file('s')
  await using _server = await serveNbd({ exports: [{ name: '', source }], listen: { socketPath } })
  await using disk = await openNbd({ socketPath })
  const into = new Uint8Array(4096)
  const stop = new AbortController()
  const reading = disk.read(0, into, { signal: stop.signal })
  await asked.promise
  stop.abort()
  // The server has not answered, and does so only afterwards.
  await expect(reading).rejects.toThrow(/aborted/)
  answered.resolve()
  const next = new Uint8Array(4096)
  await disk.read(4096, next)
  expect(next.every((byte) => byte === 7)).toBe(true)
  expect(into.every((byte) => byte === 0)).toBe(true)
})

test('talks TLS to nbdkit, with and without client certificates', async () => {
  await using folder = await temporaryFolder()
  const certificates = await makeCertificates(folder.path)
  const content = sparseBytes(3 * MiB, 4)
  await writeFile(folder.file('disk'), content)
  const serverName = 'localhost'
  for (const verify of [false, true]) {
    const socketPath = folder.file(`s${verify}`)
    const options = ['--tls=require', `--tls-certificates=${folder.path}`, ...(verify ? ['--tls-verify-peer'] : [])]
    await using _server = await startDaemon(
      socketPath,
      'nbdkit',
      '-f',
      '-U',
      socketPath,
      ...options,
      'file',
      folder.file('disk'),
    )
    const tls = { ca: certificates.ca, serverName, ...(verify ? certificates.client : {}) }
    await using disk = await openNbd({ socketPath, tls, connections: 2 })
    expect(equalBytes(await readAll(disk), content)).toBe(true)
    await expect(openNbd({ socketPath })).rejects.toSatisfy((error) => isAppError(error, 'nbd.tls_required'))
  }
})
