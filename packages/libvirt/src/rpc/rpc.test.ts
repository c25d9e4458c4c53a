import { duplexPair, type Duplex } from 'node:stream'
import { systemClock } from '@nixen/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { procedures } from '../generated/procedures.ts'
import { FrameReader, headerLength, messageType, writeHeader, type Frame } from './frame.ts'
import { Rpc } from './rpc.ts'

function frame(header: Partial<Omit<Frame, 'body'>>, body: Uint8Array = new Uint8Array(0)): Buffer {
  const bytes = Buffer.alloc(headerLength + body.length)
  bytes.set(body, headerLength)
  const defaults = { program: 0x20_00_80_86, version: 1, procedure: 157, type: messageType.reply, serial: 1, status: 0 }
  writeHeader(bytes, { ...defaults, ...header, length: bytes.length })
  return bytes
}

/** A client and the other end of its connection, which shows the frames that it gets. */
function connection(): { rpc: Rpc; peer: Duplex; ended: Promise<unknown> } {
  const [ours, peer] = duplexPair()
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const rpc = new Rpc(ours, { clock: systemClock, onClose: resolve })
  return { rpc, peer, ended: promise }
}

describe('frames', () => {
  test('come whole however they are cut', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (list, cuts) => {
        const stream = Buffer.concat(list.map((body, serial) => frame({ serial }, body)))
        const reader = new FrameReader()
        const found: Frame[] = []
        for (let at = 0, i = 0; at < stream.length; i++) {
          const length = cuts[i % cuts.length] ?? 1
          found.push(...reader.push(stream.subarray(at, at + length)))
          at += length
        }
        expect(found.map(({ serial, body }) => [serial, Buffer.from(body)])).toEqual(
          list.map((body, i) => [i, Buffer.from(body)]),
        )
        expect(reader.inFrame).toBe(false)
      }),
    )
  })

  test.each([0, 4, 27, 33_554_437, 0xff_ff_ff_ff])('of %i bytes end the connection', (length) => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(length)
    expect(() => [...new FrameReader().push(bytes)]).toThrow(expect.objectContaining({ code: 'libvirt.bad_frame' }))
  })
})

describe('a connection', () => {
  test('that ends in the middle of a message says so to all that wait', async () => {
    const { rpc, peer, ended } = connection()
    const calls = [rpc.call(procedures.connectGetLibVersion, undefined), rpc.call(procedures.nodeGetInfo, undefined)]
    peer.write(frame({}, new Uint8Array(8)).subarray(0, 30))
    peer.end()
    for (const call of calls)
      await expect(call).rejects.toMatchObject({
        code: 'libvirt.lost',
        message: expect.stringContaining('middle of a message') as string,
      })
    expect(await ended).toMatchObject({ code: 'libvirt.lost' })
    await expect(rpc.call(procedures.nodeGetInfo, undefined)).rejects.toMatchObject({ code: 'libvirt.closed' })
  })

  test('does not take another protocol for libvirt', async () => {
    const { rpc, peer } = connection()
    const call = rpc.call(procedures.connectGetLibVersion, undefined)
    peer.write('HTTP/1.1 400 Bad Request\r\n\r\n')
    await expect(call).rejects.toMatchObject({ code: 'libvirt.bad_frame' })
  })

  test('goes on after an answer that makes no sense', async () => {
    const { rpc, peer } = connection()
    const first = rpc.call(procedures.connectGetLibVersion, undefined)
    peer.write(frame({ serial: 1 }, new Uint8Array(3)))
    await expect(first).rejects.toMatchObject({ code: 'libvirt.bad_xdr' })
    const second = rpc.call(procedures.connectGetLibVersion, undefined)
    peer.write(frame({ serial: 2 }, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9)))
    await expect(second).resolves.toEqual({ libVer: 9n })
  })

  test('forgets the answer to a call that nobody waits for', async () => {
    const { rpc, peer } = connection()
    const stop = new AbortController()
    const call = rpc.call(procedures.connectGetLibVersion, undefined, { signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
    peer.write(frame({ serial: 1 }, new Uint8Array(8)))
    const next = rpc.call(procedures.connectGetLibVersion, undefined)
    peer.write(frame({ serial: 2 }, new Uint8Array(8)))
    await expect(next).resolves.toEqual({ libVer: 0n })
  })

  test('answers pings, and notices a daemon that is silent', async () => {
    const { rpc, peer, ended } = connection()
    const got = new FrameReader()
    const frames: Frame[] = []
    peer.on('data', (chunk: Buffer) => frames.push(...got.push(chunk)))
    peer.write(frame({ program: 0x6b_65_65_70, procedure: 1, type: messageType.message, serial: 0 }))
    await expect.poll(() => frames.at(-1)).toMatchObject({ program: 0x6b_65_65_70, procedure: 2 })
    rpc.startKeepalive({ interval: 20, count: 2 })
    expect(await ended).toMatchObject({ code: 'libvirt.lost' })
    expect(frames.filter(({ procedure }) => procedure === 1)).toHaveLength(2)
  })

  test('holds the daemon when a reader of a stream is slow', async () => {
    const { rpc, peer } = connection()
    const opening = rpc.stream(procedures.storageVolDownload, {
      vol: { pool: 'p', name: 'v', key: 'k' },
      offset: 0n,
      length: 0n,
    })
    peer.write(frame({ procedure: 209 }))
    const { stream } = await opening
    const packet = frame({ procedure: 209, type: messageType.stream, status: 2 }, new Uint8Array(256 * 1024))
    const total = 64
    let sent = 0
    const sending = (async () => {
      for (; sent < total; sent++) if (!peer.write(packet)) await new Promise((resolve) => peer.once('drain', resolve))
      peer.write(frame({ procedure: 209, type: messageType.stream, status: 2 }))
    })()
    const reading = stream.read()
    const first = await reading.next()
    expect(first.value).toMatchObject({ kind: 'data' })
    // 4 MiB wait at most, and what is in the pipe: far from the 16 MiB that are to be sent.
    await expect.poll(() => sent).toBeGreaterThan(8)
    for (let i = 0; i < 50; i++) await new Promise(setImmediate)
    expect(sent).toBeLessThan(40)
    let bytes = 256 * 1024
    const rest = (async () => {
      for await (const part of reading) bytes += part.kind === 'data' ? part.bytes.length : 0
    })()
    await sending
    peer.write(frame({ procedure: 209, type: messageType.stream, status: 0 }))
    await rest
    expect(bytes).toBe(total * 256 * 1024)
  })
})
