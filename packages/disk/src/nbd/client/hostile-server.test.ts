import { createServer, connect, type Socket } from 'node:net'
import { concatBytes, isAppError, MiB, seededRandom, viewOf } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { sparseBytes } from '../../../test/patterns.ts'
import { temporaryFolder } from '../../../test/processes.ts'
import { MemoryFile } from '../../memory-file.ts'
import { raw } from '../../raw/raw.ts'
import { chunk, exportFlag, initialMagic, option, optionMagic, optionReply, requestLength } from '../protocol.ts'
import { serveNbd } from '../server/server.ts'
import { SocketReader } from '../socket-reader.ts'
import {
  decodeRequest,
  encodeChunk,
  encodeOptionReply,
  encodeSimpleReply,
  uint16,
  uint32,
  uint64,
  type Request,
} from '../wire.ts'
import { NbdDisk, openNbd } from './nbd-disk.ts'

const size = 4 * MiB

/** A server that agrees to everything, then answers requests as a test says. */
async function scripted(
  socketPath: string,
  answer: (request: Request, socket: Socket) => void,
  greeting: Uint8Array = concatBytes([uint64(initialMagic), uint64(optionMagic), uint16(3)]),
): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    converse(socket, greeting, answer).catch(() => socket.destroy())
  })
  await new Promise<void>((resolve) => void server.listen(socketPath, () => resolve()))
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

async function converse(
  socket: Socket,
  greeting: Uint8Array,
  answer: (request: Request, socket: Socket) => void,
): Promise<void> {
  const reader = new SocketReader(socket)
  socket.write(greeting)
  await reader.read(4)
  for (;;) {
    const head = await reader.read(16)
    if (!head) return
    const kind = viewOf(head).getUint32(8)
    await reader.skip(viewOf(head).getUint32(12))
    if (kind === option.setMetaContext) {
      socket.write(
        encodeOptionReply(kind, optionReply.metaContext, concatBytes([uint32(7), Buffer.from('base:allocation')])),
      )
    }
    if (kind === option.go) {
      const flags = exportFlag.hasFlags | exportFlag.flush
      socket.write(encodeOptionReply(kind, optionReply.info, concatBytes([uint16(0), uint64(size), uint16(flags)])))
    }
    socket.write(encodeOptionReply(kind, optionReply.ack))
    if (kind === option.go) break
  }
  for (;;) {
    const head = await reader.read(requestLength)
    const request = head && decodeRequest(head)
    if (!request) return
    answer(request, socket)
  }
}

const data = (request: Request, offset: number, length: number, flags = 1): Uint8Array => {
  const bytes = encodeChunk(request, { flags, type: chunk.offsetData, length: length + 8 }, length + 8)
  viewOf(bytes).setBigUint64(20, BigInt(offset))
  return bytes
}

describe('a reply to a read that breaks the protocol', () => {
  const cases: Record<string, (request: Request) => Uint8Array> = {
    'has a wrong magic': () => new Uint8Array(64).fill(1),
    'is for a request that was not sent': (request) => data({ ...request, handleLow: 999_999 }, 0, 512),
    'is a simple reply': (request) => encodeSimpleReply(request, 0),
    'lies before the range': (request) => data(request, 0, 4096),
    'lies behind the range': (request) => data(request, 2 ** 52, 4096),
    'announces 4 GiB': (request) => encodeChunk(request, { flags: 1, type: chunk.offsetData, length: 0xffff_ffff }, 8),
    'is empty': (request) => data(request, request.offset, 0),
    'leaves out a part': (request) => data(request, request.offset, 512),
    'brings a part twice': (request) =>
      concatBytes([data(request, request.offset, 4096, 0), data(request, request.offset, 512)]),
    'is of an unknown type': (request) => encodeChunk(request, { flags: 1, type: 77, length: 0 }),
    'has an error of 1 GiB': (request) => encodeChunk(request, { flags: 1, type: chunk.error, length: 2 ** 30 }, 8),
    'has an error with a text that is cut off': (request) =>
      concatBytes([encodeChunk(request, { flags: 1, type: chunk.error, length: 6 }), uint32(5), uint16(9)]),
    'is a block status with an empty extent': (request) =>
      concatBytes([
        encodeChunk(request, { flags: 1, type: chunk.blockStatus, length: 12 }),
        uint32(7),
        uint32(0),
        uint32(0),
      ]),
  }

  test.each(Object.entries(cases))('%s', async (_, reply) => {
    await using folder = await temporaryFolder()
    const socketPath = folder.file('s')
    await using _server = await scripted(socketPath, (request, socket) => void socket.write(reply(request)))
    await using disk = await openNbd({ socketPath, resumeWithin: 0 })
    await expect(disk.read(MiB, new Uint8Array(4096))).rejects.toSatisfy((error) => isAppError(error, 'nbd.protocol'))
  })

  test('an error in the middle of a reply fails that request alone', async () => {
    await using folder = await temporaryFolder()
    const socketPath = folder.file('s')
    await using _server = await scripted(socketPath, (request, socket) => {
      if (request.offset === 0) socket.write(data(request, 0, 4096))
      else {
        socket.write(data(request, request.offset, 512, 0))
        socket.write(
          concatBytes([
            encodeChunk(request, { flags: 1, type: chunk.errorOffset, length: 14 }),
            uint32(28),
            uint16(0),
            uint64(MiB),
          ]),
        )
      }
    })
    await using disk = await openNbd({ socketPath, resumeWithin: 0 })
    await expect(disk.read(MiB, new Uint8Array(4096))).rejects.toThrow(/ENOSPC/)
    await disk.read(0, new Uint8Array(4096))
  })

  test('a server that falls silent is given up', async () => {
    await using folder = await temporaryFolder()
    const socketPath = folder.file('s')
    await using _server = await scripted(socketPath, () => undefined)
    await using disk = await openNbd({ socketPath, resumeWithin: 0, timeout: 100 })
    await expect(disk.read(0, new Uint8Array(512))).rejects.toSatisfy((error) => isAppError(error, 'nbd.timeout'))
  })

  test('a server that never greets is given up', async () => {
    await using folder = await temporaryFolder()
    const socketPath = folder.file('s')
    await using _server = await scripted(socketPath, () => undefined, new Uint8Array(3))
    const opening = openNbd({ socketPath, connectTimeout: 100 })
    await expect(opening).rejects.toSatisfy((error) => isAppError(error, 'nbd.timeout'))
  })
})

test('random damage on the way ends in an error or a result, never in a hang', async () => {
  await using folder = await temporaryFolder()
  await using source = await raw.open(new MemoryFile('disk', sparseBytes(size, 8)))
  await using _server = await serveNbd({ exports: [{ name: '', source }], listen: { socketPath: folder.file('s') } })
  for (let seed = 1; seed <= 120; seed++) {
    await using _proxy = await damagingProxy(folder.file(`p${seed}`), folder.file('s'), seed)
    const outcome = await useDisk(folder.file(`p${seed}`))
    expect({ seed, fine: outcome === undefined || isAppError(outcome), outcome }).toMatchObject({ fine: true })
  }
})

async function useDisk(socketPath: string): Promise<unknown> {
  try {
    await using disk = await openNbd({ socketPath, resumeWithin: 0, timeout: 200, connectTimeout: 200 })
    if (disk.size > 64 * MiB) return undefined
    let count = 0
    for await (const _ of disk.extents()) if (count++ > 1000) break
    await disk.read(0, new Uint8Array(Math.min(disk.size, MiB)))
    return disk instanceof NbdDisk ? undefined : disk
  } catch (error) {
    return error
  }
}

/** Passes everything on, but changes a few bytes of the first kilobyte that the server sends. */
async function damagingProxy(socketPath: string, target: string, seed: number): Promise<AsyncDisposable> {
  const random = seededRandom(seed)
  const positions = new Set(Array.from({ length: 1 + random() * 3 }, () => Math.floor(random() * 400)))
  const sockets: Socket[] = []
  const server = createServer((client) => {
    const upstream = connect(target)
    let position = 0
    upstream.on('data', (bytes: Buffer) => {
      for (let index = 0; index < bytes.length; index++, position++)
        if (positions.has(position)) bytes[index] = random() * 256
      client.write(bytes)
    })
    client.pipe(upstream)
    upstream.on('close', () => client.destroy())
    for (const socket of [client, upstream]) socket.on('error', () => undefined)
    sockets.push(client, upstream)
  })
  await new Promise<void>((resolve) => void server.listen(socketPath, () => resolve()))
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
