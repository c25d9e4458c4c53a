import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { concatBytes, equalBytes, isAppError, isZero, KiB, MiB, seededRandom } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { makeCertificates } from '../../../test/certificates.ts'
import { sparseBytes } from '../../../test/patterns.ts'
import { run, temporaryFolder } from '../../../test/processes.ts'
import type { DiskSource } from '../../disk-source.ts'
import { MemoryFile } from '../../memory-file.ts'
import { raw } from '../../raw/raw.ts'
import { NbdDisk, openNbd } from '../client/nbd-disk.ts'
import { overlayChanges, overlayDisk } from '../overlay.ts'
import { initialMagic, option, optionMagic } from '../protocol.ts'
import { encodeOption, encodeRequest, lengthPrefixed, uint16, uint32 } from '../wire.ts'
import { serveNbd } from './server.ts'

const size = 20 * MiB + 512
const content = sparseBytes(size, 5)

/** With holes where the content has zeros. */
async function memoryDisk(): Promise<DiskSource> {
  const file = new MemoryFile('disk')
  await file.truncate(size)
  for (let offset = 0; offset < size; offset += 64 * KiB) {
    const part = content.subarray(offset, offset + 64 * KiB)
    if (!isZero(part)) await file.write(offset, part)
  }
  return raw.open(file)
}

describe('a read-only export', () => {
  test('is what nbdinfo, nbdcopy and qemu-img expect', async () => {
    await using folder = await temporaryFolder()
    const socketPath = folder.file('s')
    await writeFile(folder.file('expected'), content)
    await using source = await memoryDisk()
    await using _server = await serveNbd({
      exports: [{ name: 'disk one', description: 'A test', source }],
      listen: { socketPath },
    })
    const uri = `nbd+unix:///disk%20one?socket=${socketPath}`
    const info = JSON.parse(await run('nbdinfo', '--json', uri)) as { exports: Record<string, unknown>[] }
    expect(info.exports[0]).toMatchObject({
      'export-name': 'disk one',
      description: 'A test',
      contexts: ['base:allocation'],
      is_read_only: true,
      can_multi_conn: true,
      can_df: true,
      'export-size': size,
    })
    expect(await run('nbdinfo', '--list', '--json', `nbd+unix:///?socket=${socketPath}`)).toContain('disk one')
    await run('nbdcopy', '--connections=4', uri, folder.file('copied'))
    expect(equalBytes(await readFile(folder.file('copied')), content)).toBe(true)
    expect(await run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', uri, folder.file('expected'))).toMatch(
      /identical/,
    )
    await run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', uri, folder.file('q'))
    expect(await run('qemu-img', 'compare', folder.file('q'), folder.file('expected'))).toMatch(/identical/)
    const map = JSON.parse(await run('qemu-img', 'map', '--output=json', '-f', 'raw', uri)) as { zero: boolean }[]
    expect(map.some(({ zero }) => zero)).toBe(true)
    await expect(run('qemu-io', '-f', 'raw', '-c', 'write 0 512', uri)).rejects.toThrow(/ead-only|ermission|readonly/)
  })

  test('needs TLS where TLS is required, and shows its certificate', async () => {
    await using folder = await temporaryFolder()
    const certificates = await makeCertificates(folder.path)
    await using source = await memoryDisk()
    await using server = await serveNbd({
      exports: [{ name: 'x', source }],
      listen: { host: '127.0.0.1', port: 0 },
      tls: { ...certificates.server, clientCa: certificates.ca },
    })
    const { address } = server
    const port = 'port' in address ? address.port : 0
    await run('nbdcopy', `nbds://localhost:${port}/x?tls-certificates=${folder.path}`, folder.file('copied'))
    expect(equalBytes(await readFile(folder.file('copied')), content)).toBe(true)
    await run(
      'qemu-img',
      ['convert', '--object', `tls-creds-x509,id=tls0,dir=${folder.path},endpoint=client`, '--image-opts'],
      `driver=nbd,host=localhost,port=${port},export=x,tls-creds=tls0`,
      folder.file('converted'),
    )
    expect(equalBytes(await readFile(folder.file('converted')), content)).toBe(true)
    const reads = async (tls: NonNullable<Parameters<typeof openNbd>[0]['tls']>): Promise<void> => {
      await using disk = await openNbd({ ...address, exportName: 'x', tls, connections: 2 })
      const bytes = new Uint8Array(3 * MiB)
      await disk.read(MiB, bytes)
      expect(equalBytes(bytes, content.subarray(MiB, 4 * MiB))).toBe(true)
    }
    await reads({ ca: certificates.ca, serverName: 'localhost', ...certificates.client })
    // By the address that it listens on, which the certificate has too.
    await reads({ ca: certificates.ca, ...certificates.client })
    await reads({ pin: certificates.server.cert, ...certificates.client })
    await expect(run('nbdinfo', `nbd://localhost:${port}/x`)).rejects.toThrow(/TLS/)
    const fails = { exportName: 'x', ...address }
    await expect(openNbd(fails)).rejects.toSatisfy((error) => isAppError(error, 'nbd.tls_required'))
    for (const tls of [
      { pin: certificates.client.cert, ...certificates.client },
      { serverName: 'localhost', ...certificates.client },
      { ca: certificates.ca, serverName: 'elsewhere', ...certificates.client },
      { ca: certificates.ca, serverName: '127.0.0.2', ...certificates.client },
    ]) {
      await expect(openNbd({ ...fails, tls })).rejects.toSatisfy((error) => isAppError(error, 'nbd.tls_failed'))
    }
    // Without a certificate of its own TLS 1.3 lets a client believe for a moment that it is in.
    await expect(openNbd({ ...fails, tls: { ca: certificates.ca, serverName: 'localhost' } })).rejects.toSatisfy(
      isAppError,
    )
  })

  test('is only opened by whom the hook lets in', async () => {
    await using folder = await temporaryFolder()
    const socketPath = folder.file('s')
    await using source = await memoryDisk()
    let released = 0
    await using _server = await serveNbd({
      exports: {
        list: () => Promise.resolve([{ name: 'mine' }, { name: 'yours' }]),
        open: (name) => Promise.resolve({ name, source, release: () => Promise.resolve(void released++) }),
      },
      listen: { socketPath },
      authorize: (name) => name === 'mine' || name.endsWith('?session_id=OpaqueRef:1'),
    })
    expect(await run('nbdinfo', '--list', `nbd+unix:///?socket=${socketPath}`)).not.toContain('yours')
    {
      await using disk = await openNbd({ socketPath, exportName: '/uuid?session_id=OpaqueRef:1' })
      await disk.read(0, new Uint8Array(512))
    }
    await expect(openNbd({ socketPath, exportName: 'yours' })).rejects.toThrow(/refused/)
    await expect.poll(() => released).toBeGreaterThan(0)
  })
})

describe('an export with an overlay', () => {
  test('is written by qemu and nbdcopy, and tells what was written', async () => {
    await using folder = await temporaryFolder()
    const socketPath = folder.file('s')
    const replacement = sparseBytes(size, 6)
    await writeFile(folder.file('replacement'), replacement)
    await using disk = await overlayDisk(await memoryDisk(), new MemoryFile('overlay'))
    const context = 'qemu:dirty-bitmap:changes'
    await using _server = await serveNbd({
      exports: [{ name: '', source: disk, writable: disk, bitmaps: new Map([[context, overlayChanges]]) }],
      listen: { socketPath },
    })
    const uri = `nbd+unix:///?socket=${socketPath}`
    await run('qemu-io', '-f', 'raw', '-c', 'write -P 9 100k 10k', '-c', 'write -z 1M 1M', '-c', 'flush', uri)
    const expected = Uint8Array.from(content)
    expected.fill(9, 100 * KiB, 110 * KiB)
    expected.fill(0, MiB, 2 * MiB)
    await run('nbdcopy', uri, folder.file('copied'))
    expect(equalBytes(await readFile(folder.file('copied')), expected)).toBe(true)
    {
      await using client = await openNbd({ socketPath, contexts: [context] })
      expect(await Array.fromAsync(client.extents({ since: NbdDisk.token(context) }))).toEqual([
        { offset: 64 * KiB, length: 64 * KiB, kind: 'data' },
        { offset: MiB, length: MiB, kind: 'zero' },
      ])
    }
    await run('nbdcopy', '--connections=4', '--flush', folder.file('replacement'), uri)
    expect(await run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', uri, folder.file('replacement'))).toMatch(
      /identical/,
    )
  })
})

/** What a client says before it opens the export. */
const greeting = uint32(1)
const goOption = encodeOption(option.go, concatBytes([lengthPrefixed(''), uint16(0)]))
const request = (fields: Partial<Parameters<typeof encodeRequest>[0]>): Uint8Array =>
  encodeRequest({ flags: 0, type: 0, handleHigh: 0, handleLow: 1, offset: 0, length: 512, ...fields })

describe('hostile clients', () => {
  const cases: Record<string, Uint8Array> = {
    'wrong flags': uint32(0xffff_ffff),
    'a wrong magic in an option': concatBytes([greeting, new Uint8Array(16).fill(0xee)]),
    'an option of 4 GiB': concatBytes([greeting, encodeOption(option.go).subarray(0, 12), uint32(0xffff_ffff)]),
    'a name that is longer than its option': concatBytes([greeting, encodeOption(option.go, uint32(0xffff_fff0))]),
    'a wrong magic in a request': concatBytes([greeting, goOption, new Uint8Array(28).fill(0xee)]),
    'a write of 4 GiB': concatBytes([greeting, goOption, request({ type: 1, length: 0xffff_ffff })]),
    'a read far behind the end': concatBytes([greeting, goOption, request({ offset: 2 ** 53 - 1 })]),
    'a read of 4 GiB': concatBytes([greeting, goOption, request({ length: 0xffff_ffff })]),
    'an unknown command': concatBytes([greeting, goOption, request({ type: 99 })]),
    'unknown flags': concatBytes([greeting, goOption, request({ flags: 0xffff })]),
    'a block status without a context': concatBytes([greeting, goOption, request({ type: 7 })]),
    'STARTTLS without TLS': concatBytes([greeting, encodeOption(option.startTls)]),
    'half a handshake': greeting.subarray(0, 2),
    'a thousand options': concatBytes([greeting, ...Array.from({ length: 1000 }, () => encodeOption(option.list))]),
  }

  test('are answered or dropped, and others are served as before', async () => {
    await using folder = await temporaryFolder()
    const socketPath = folder.file('s')
    await using source = await memoryDisk()
    await using server = await serveNbd({
      exports: [{ name: '', source }],
      listen: { socketPath },
      limits: { handshakeTimeout: 300 },
    })
    await using good = await openNbd({ socketPath })
    for (const [name, bytes] of Object.entries(cases)) {
      const answer = await exchange(socketPath, bytes)
      expect({ name, magic: answer.readBigUInt64BE(0) }).toEqual({ name, magic: initialMagic })
      await good.read(0, new Uint8Array(4096))
    }
    const random = seededRandom(1)
    for (let round = 0; round < 50; round++) {
      const noise = Uint8Array.from({ length: 1 + random() * 2000 }, () => random() * 256)
      await exchange(
        socketPath,
        concatBytes([greeting, random() > 0.5 ? goOption : uint32(Number(optionMagic >> 32n)), noise]),
      )
    }
    await good.read(0, new Uint8Array(4096))
    await expect.poll(() => server.connections).toBe(1)
  })

  test('a client that never reads its replies holds a bounded amount of memory, and is dropped', async () => {
    await using folder = await temporaryFolder()
    const socketPath = folder.file('s')
    let [underway, most, connections] = [0, 0, 0]
    await using memory = await memoryDisk()
    const source: DiskSource = {
      size,
      extents: (options) => memory.extents(options),
      read: async (offset, into) => {
        connections = server.connections
        most = Math.max(most, (underway += into.length))
        await memory.read(offset, into)
        underway -= into.length
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
    await using server = await serveNbd({
      exports: [{ name: '', source }],
      listen: { socketPath },
      limits: { stallTimeout: 300, bytesPerConnection: 8 * MiB },
    })
    const socket = connect(socketPath)
    socket.pause()
    socket.on('error', () => undefined)
    socket.write(concatBytes([greeting, goOption]))
    for (let count = 0; count < 2000; count++) socket.write(request({ handleLow: count, length: 4 * MiB }))
    await expect.poll(() => most).toBeGreaterThan(0)
    await expect.poll(() => server.connections).toBe(0)
    expect(connections).toBe(1)
    expect(most).toBeLessThanOrEqual(8 * MiB)
    socket.destroy()
  })
})

/** Sends bytes and takes what comes until the server closes, or is silent for a while after its greeting. */
function exchange(socketPath: string, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    const socket = connect(socketPath, () => socket.write(bytes))
    socket.once('data', () => socket.setTimeout(40, () => socket.destroy()))
    socket.on('data', (part: Buffer) => parts.push(part))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(Buffer.concat(parts)))
  })
}

test('closing answers what is under way and takes nothing new', async () => {
  await using folder = await temporaryFolder()
  const socketPath = folder.file('s')
  await using memory = await memoryDisk()
  const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const source: DiskSource = {
    size,
    extents: (options) => memory.extents(options),
    read: async (offset, into) => {
      asked.resolve()
      await answered.promise
      await memory.read(offset, into)
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  const server = await serveNbd({ exports: [{ name: '', source }], listen: { socketPath } })
  await using disk = await openNbd({ socketPath, resumeWithin: 0 })
  const bytes = new Uint8Array(4096)
  const reading = disk.read(64 * KiB, bytes)
  await asked.promise
  const closed = server.close()
  answered.resolve()
  await closed
  await reading
  expect(equalBytes(bytes, content.subarray(64 * KiB, 68 * KiB))).toBe(true)
  await expect(disk.read(0, bytes)).rejects.toSatisfy(isAppError)
})
