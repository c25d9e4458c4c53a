import type { IncomingMessage, ServerResponse } from 'node:http'
import { collectBytes, isAppError, streamOf, systemClock } from '@nixen/core'
import { makeCertificate, startScriptedXapi, type ScriptedXapi, type ScriptedXapiOptions } from '@nixen/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isXapiError } from '../errors.ts'
import type { XapiOptions } from '../session/options.ts'
import { Xapi } from '../session/xapi.ts'
import { asRef } from '../values/ref.ts'
import { openConsole } from './console.ts'
import { nbdExports } from './nbd.ts'
import { dumpPoolDatabase, restorePoolDatabase } from './pool-database.ts'
import { exportVdi, importVdi } from './vdi.ts'
import { exportVm, importVm } from './vm.ts'

const unhandled: unknown[] = []
const onUnhandled = (reason: unknown): void => void unhandled.push(reason)
beforeAll(() => process.on('unhandledRejection', onUnhandled))
afterAll(() => {
  process.off('unhandledRejection', onUnhandled)
  if (unhandled.length > 0) throw new Error('a rejection was not handled', { cause: unhandled[0] })
})

/** More than any machine needs, so that only what a test provokes times out. */
const timeouts = { connect: 20_000, call: 20_000, login: 20_000, failover: 20_000, idle: 20_000 }
const vm = asRef('VM', 'OpaqueRef:vm')
const vdi = asRef('VDI', 'OpaqueRef:vdi')
const mebibyte = Buffer.alloc(1 << 20, 7)

async function pair(server: ScriptedXapiOptions = {}, options: Partial<XapiOptions> = {}) {
  const scripted = await startScriptedXapi({ pool: { vms: 1 }, ...server })
  const xapi = await Xapi.connect({ url: scripted.url, username: 'root', password: 'secret', timeouts, ...options })
  return {
    server: scripted,
    xapi,
    async [Symbol.asyncDispose]() {
      await xapi[Symbol.asyncDispose]()
      await scripted.stop()
    },
  }
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  )
}

/** Sends an export as a host does: no length, HTTP/1.0 style, and then the end of the task. */
function serveExport(
  server: ScriptedXapi,
  path: string,
  send: (response: ServerResponse, task: string) => Promise<void> | void,
): void {
  server.route('GET', path, async (_, response, { url, session }) => {
    if (!server.calls.sessions.has(session ?? '')) return response.writeHead(401).end()
    response.useChunkedEncodingByDefault = false
    response.writeHead(200, { Connection: 'close' })
    await send(response, url.searchParams.get('task_id') ?? '')
    return undefined
  })
}

/** Reads an upload as a host does: says 200 first. `end` finishes the task. */
function serveImport(
  server: ScriptedXapi,
  path: string,
  end: (received: Buffer, task: string, request: IncomingMessage) => void,
): void {
  server.route('PUT', path, async (request, response, { url }) => {
    if (request.headers['transfer-encoding']) return response.writeHead(403).end()
    response.writeHead(200).flushHeaders()
    const task = url.searchParams.get('task_id')
    const parts: Buffer[] = []
    try {
      for await (const part of request) parts.push(part as Buffer)
    } catch {
      // The client ends the connection when it has announced more than it has.
    }
    if (task) end(Buffer.concat(parts), task, request)
    return response.end()
  })
}

describe('a download', () => {
  test('is the bytes of the host, and asks with the session in the cookie only', async () => {
    await using both = await pair()
    const { server, xapi } = both
    serveExport(server, '/export/', (response, task) => {
      response.end(mebibyte)
      server.calls.finishTask(task, {})
    })
    const bytes = await collectBytes(exportVm(xapi, vm, { compression: 'zstd' }))
    expect(bytes).toEqual(new Uint8Array(mebibyte))
    const { url = '', headers } = server.seen.find(({ method }) => method === 'GET') ?? {}
    expect(url).toMatch(/^\/export\/\?ref=OpaqueRef%3Avm&use_compression=zstd&task_id=OpaqueRef/)
    expect(url).not.toContain(String(headers?.cookie).split('=')[1])
    expect(server.db.count('task')).toBe(0)
  })

  test('that ends too early is the error of the task', async () => {
    await using both = await pair()
    const { server, xapi } = both
    serveExport(server, '/export_raw_vdi/', (response, task) => {
      response.end(mebibyte)
      server.calls.finishTask(task, { error: ['VDI_IO_ERROR', 'disk'] })
    })
    const error = await failureOf(collectBytes(exportVdi(xapi, vdi, { format: 'vhd', base: vdi })))
    expect(isXapiError(error, 'VDI_IO_ERROR')).toBe(true)
  })

  test('whose connection is reset in the middle is a typed error, and its task is cancelled', async () => {
    await using both = await pair()
    const { server, xapi } = both
    serveExport(server, '/export/', async (response) => {
      response.write(mebibyte)
      await systemClock.sleep(50)
      ;(response.socket as { resetAndDestroy?(): void } | null)?.resetAndDestroy?.()
    })
    const error = await failureOf(collectBytes(exportVm(xapi, vm)))
    expect(isAppError(error, 'xapi.truncated')).toBe(true)
    expect(server.seen.some(({ call }) => call === 'task.cancel')).toBe(true)
  })

  test.each([
    [{ kind: 'status', status: 500 }, 'xapi.http_status'],
    [{ kind: 'never-answer' }, 'xapi.timeout'],
    [{ kind: 'reset' }, 'xapi.truncated'],
    [{ kind: 'truncate', after: 1000 }, 'xapi.truncated'],
  ] as const)('with %o is a typed error', async (fault, code) => {
    const idle = code === 'xapi.timeout' ? 500 : timeouts.idle
    await using both = await pair({}, { timeouts: { ...timeouts, idle } })
    both.server.fail({ on: '/export/', fault })
    expect(await failureOf(collectBytes(exportVm(both.xapi, vm)))).toMatchObject({ code })
  })

  test('says what the task says when the host refuses', async () => {
    await using both = await pair()
    const { server, xapi } = both
    server.route('GET', '/export/', (_, response, { url }) => {
      server.calls.finishTask(url.searchParams.get('task_id') ?? '', {
        error: ['RBAC_PERMISSION_DENIED', 'http/get_export', ''],
      })
      response.writeHead(403).end()
    })
    expect(isXapiError(await failureOf(collectBytes(exportVm(xapi, vm))), 'RBAC_PERMISSION_DENIED')).toBe(true)
  })

  test('is cancelled when its reader stops', async () => {
    await using both = await pair()
    const { server, xapi } = both
    let open = true
    serveExport(server, '/export/', async (response) => {
      response.once('close', () => (open = false))
      while (!response.destroyed) if (!response.write(mebibyte)) await systemClock.sleep(2)
    })
    for await (const part of exportVm(xapi, vm)) if (part.length > 0) break
    expect(server.seen.some(({ call }) => call === 'task.cancel')).toBe(true)
    await expect.poll(() => open).toBe(false)
  })

  test('does not run ahead of a slow reader', async () => {
    await using both = await pair()
    const { server, xapi } = both
    let sent = 0
    serveExport(server, '/export/', async (response, task) => {
      for (let i = 0; i < 64; i++) {
        sent += mebibyte.length
        if (!response.write(mebibyte)) await new Promise((resolve) => response.once('drain', resolve))
      }
      response.end()
      server.calls.finishTask(task, {})
    })
    const stream = exportVm(xapi, vm)
    await stream.next()
    await systemClock.sleep(300)
    expect(sent).toBeLessThan(32 << 20)
    let received = 0
    for await (const part of stream) received += part.length
    expect(received).toBeGreaterThan(60 << 20)
  })

  test('ends with the reason of its signal', async () => {
    await using both = await pair()
    const stop = new AbortController()
    both.server.fail({ on: '/export/', fault: { kind: 'never-answer' } })
    setTimeout(() => stop.abort(new Error('enough')), 100)
    expect(await failureOf(collectBytes(exportVm(both.xapi, vm, { signal: stop.signal })))).toBe(stop.signal.reason)
  })

  test('follows a redirection to another host, whose certificate is checked as well', async () => {
    const [certificate, other] = [await makeCertificate(), await makeCertificate({ addresses: ['127.0.0.2'] })]
    const shown: string[] = []
    const onFingerprint = (fingerprint: string): boolean => shown.push(fingerprint) < 3 && fingerprint !== refused
    let refused = ''
    await using both = await pair({ certificate }, { tls: { kind: 'learn', onFingerprint } })
    const { server, xapi } = both
    await using second = await startScriptedXapi({
      address: '127.0.0.2',
      port: server.port,
      db: server.db,
      certificate: other,
    })
    second.calls.sessions.add([...server.calls.sessions][0] ?? '')
    const location = 'https://127.0.0.2/export/?ref=x'
    server.route('GET', '/export/', (request, response) =>
      response.writeHead(302, { Location: `https://127.0.0.2${request.url}` }).end(location),
    )
    serveExport(second, '/export/', (response, task) => {
      response.end(mebibyte)
      server.calls.finishTask(task, {})
    })
    refused = other.fingerprint
    expect(isAppError(await failureOf(collectBytes(exportVm(xapi, vm))), 'xapi.certificate_untrusted')).toBe(true)
    expect(second.seen).toEqual([])
    refused = ''
    shown.length = 0
    expect(await collectBytes(exportVm(xapi, vm))).toHaveLength(mebibyte.length)
    expect(shown).toEqual([other.fingerprint])
  })

  test('of the pool database has its bytes', async () => {
    await using both = await pair()
    serveExport(both.server, '/pool/xmldbdump', (response, task) => {
      response.end('<database/>')
      both.server.calls.finishTask(task, {})
    })
    expect(Buffer.from(await collectBytes(dumpPoolDatabase(both.xapi))).toString()).toBe('<database/>')
  })
})

describe('an upload', () => {
  test('with a known length sends it, probes first without the task, and resolves with the result of the task', async () => {
    await using both = await pair()
    const { server, xapi } = both
    let received: Buffer | undefined
    serveImport(server, '/import/', (bytes, task) => {
      received = bytes
      server.calls.finishTask(task, { result: `<value><array><data><value>${vm}</value></data></array></value>` })
    })
    const vms = await importVm(xapi, streamOf(mebibyte, mebibyte), { length: 2 << 20, sr: asRef('SR', 'OpaqueRef:sr') })
    expect(vms).toEqual([vm])
    expect(received?.length).toBe(2 << 20)
    const [probe, put] = server.seen.filter(({ method }) => method === 'PUT')
    expect(probe?.headers['content-length']).toBe('0')
    expect(probe?.url).not.toContain('task_id')
    expect(put?.headers['content-length']).toBe(String(2 << 20))
    expect(put?.url).toContain('sr_id=OpaqueRef%3Asr')
    expect(put?.headers['transfer-encoding']).toBeUndefined()
  })

  test('of unknown length announces 1 PiB, and every byte arrives', async () => {
    await using both = await pair()
    const { server, xapi } = both
    let received: Buffer | undefined
    serveImport(server, '/import/', (bytes, task, request) => {
      expect(request.headers['content-length']).toBe('1125899906842624')
      received = bytes
      server.calls.finishTask(task, { result: '<value><array><data/></array></value>' })
    })
    expect(await importVm(xapi, streamOf(mebibyte, mebibyte, mebibyte))).toEqual([])
    expect(received?.length).toBe(3 << 20)
  })

  test('of unknown length lets the host call the end of the connection a fault', async () => {
    await using both = await pair()
    const { server, xapi } = both
    serveImport(server, '/import_raw_vdi/', (_, task) =>
      server.calls.finishTask(task, { error: ['VDI_IO_ERROR', 'Device I/O errors'] }),
    )
    await importVdi(xapi, vdi, streamOf(mebibyte), { format: 'raw' })
    const known = importVdi(xapi, vdi, streamOf(mebibyte), { format: 'raw', length: mebibyte.length })
    expect(isXapiError(await failureOf(known), 'VDI_IO_ERROR')).toBe(true)
  })

  test('fails with the error of the task although the answer was 200', async () => {
    await using both = await pair()
    const { server, xapi } = both
    serveImport(server, '/import/', (_, task) =>
      server.calls.finishTask(task, { error: ['IMPORT_ERROR_PREMATURE_EOF'] }),
    )
    const error = await failureOf(importVm(xapi, streamOf(mebibyte), { length: mebibyte.length }))
    expect(isXapiError(error, 'IMPORT_ERROR_PREMATURE_EOF')).toBe(true)
  })

  test('stops reading its source when the task fails on the way', async () => {
    await using both = await pair()
    const { server, xapi } = both
    let produced = 0
    let returned = false
    async function* source() {
      try {
        for (;;) {
          produced++
          await systemClock.sleep(2)
          yield mebibyte.subarray(0, 1000)
        }
      } finally {
        returned = true
      }
    }
    server.route('PUT', '/import/', (request, response, { url }) => {
      response.writeHead(200).flushHeaders()
      request.resume()
      const task = url.searchParams.get('task_id')
      if (task) setTimeout(() => server.calls.finishTask(task, { error: ['SR_FULL', '1', '2'] }), 100)
      else response.end()
    })
    expect(isXapiError(await failureOf(importVm(xapi, source())), 'SR_FULL')).toBe(true)
    expect(returned).toBe(true)
    expect(produced).toBeLessThan(500)
  })

  test('whose connection is reset is a typed error that says how far it came', async () => {
    await using both = await pair()
    const { server, xapi } = both
    server.route('PUT', '/import/', (request, response, { url }) => {
      response.writeHead(200).flushHeaders()
      if (url.searchParams.has('task_id')) setTimeout(() => request.socket.resetAndDestroy(), 50)
      else response.end()
    })
    async function* source() {
      for (let i = 0; i < 1000; i++) {
        await systemClock.sleep(1)
        yield mebibyte
      }
    }
    const error = await failureOf(importVm(xapi, source()))
    expect(isAppError(error, 'xapi.upload_broken') && Number(error.details['sent']) > 0).toBe(true)
    expect(server.seen.some(({ call }) => call === 'task.cancel')).toBe(true)
  })

  test('succeeds when the host has read enough and closes the connection', async () => {
    await using both = await pair()
    const { server, xapi } = both
    server.route('PUT', '/import/', (request, response, { url }) => {
      response.writeHead(200).flushHeaders()
      const task = url.searchParams.get('task_id')
      if (!task) return response.end()
      request.once('data', () => {
        server.calls.finishTask(task, { result: '<value><array><data/></array></value>' })
        request.socket.destroy()
      })
      return undefined
    })
    async function* source() {
      for (let i = 0; i < 50; i++) {
        await systemClock.sleep(5)
        yield mebibyte
      }
    }
    expect(await importVm(xapi, source())).toEqual([])
  })

  test.each([mebibyte.length - 1, mebibyte.length + 1])(
    'of another length than announced (%i) is an error',
    async (length) => {
      await using both = await pair()
      serveImport(both.server, '/import/', () => undefined)
      const error = await failureOf(importVm(both.xapi, streamOf(mebibyte), { length }))
      expect(isAppError(error, 'xapi.upload_broken')).toBe(true)
    },
  )

  test('ends with the reason of its signal, and cancels the task', async () => {
    await using both = await pair()
    const { server, xapi } = both
    serveImport(server, '/import/', () => undefined)
    const stop = new AbortController()
    async function* source() {
      setTimeout(() => stop.abort(new Error('enough')), 50)
      for (;;) {
        await systemClock.sleep(2)
        yield mebibyte.subarray(0, 10)
      }
    }
    expect(await failureOf(importVm(xapi, source(), { signal: stop.signal }))).toBe(stop.signal.reason)
    expect(server.seen.some(({ call }) => call === 'task.cancel')).toBe(true)
  })

  test('passes on what its source fails with', async () => {
    await using both = await pair()
    serveImport(both.server, '/import/', () => undefined)
    const broken = new Error('the file is gone')
    async function* source() {
      yield mebibyte
      await Promise.resolve()
      throw broken
    }
    expect(await failureOf(importVm(both.xapi, source()))).toBe(broken)
  })

  test('does not run ahead of a slow host', async () => {
    await using both = await pair()
    const { server, xapi } = both
    server.route('PUT', '/import/', async (request, response, { url }) => {
      response.writeHead(200).flushHeaders()
      const task = url.searchParams.get('task_id')
      if (!task) return response.end()
      await systemClock.sleep(300)
      for await (const _ of request.iterator()) void _
      server.calls.finishTask(task, { result: '<value><array><data/></array></value>' })
      return response.end()
    })
    let produced = 0
    let early = -1
    setTimeout(() => (early = produced), 250)
    function* source() {
      for (; produced < 64; produced++) yield mebibyte
    }
    await importVm(xapi, streamOf(...source()), { length: 64 << 20 }).catch(() => undefined)
    produced = 0
    async function* lazy() {
      await Promise.resolve()
      yield* source()
    }
    setTimeout(() => (early = produced), 250)
    await importVm(xapi, lazy(), { length: 64 << 20 })
    expect(early).toBeLessThan(32)
    expect(produced).toBe(64)
  })

  test('goes to the host that the probe is sent on to', async () => {
    await using both = await pair()
    const { server, xapi } = both
    await using second = await startScriptedXapi({ address: '127.0.0.2', port: server.port, db: server.db })
    server.route('PUT', '/import_raw_vdi/', (request, response) =>
      response.writeHead(302, { Location: `https://127.0.0.2${request.url}` }).end(),
    )
    let received = 0
    serveImport(second, '/import_raw_vdi/', (bytes, task) => {
      received = bytes.length
      server.calls.finishTask(task, {})
    })
    await importVdi(xapi, vdi, streamOf(mebibyte), { format: 'vhd', length: mebibyte.length })
    expect(received).toBe(mebibyte.length)
    expect(server.seen.filter(({ method }) => method === 'PUT')).toHaveLength(1)
  })

  test('of the pool database can be a rehearsal', async () => {
    await using both = await pair()
    serveImport(both.server, '/pool/xmldbdump', (_, task) => both.server.calls.finishTask(task, {}))
    await restorePoolDatabase(both.xapi, streamOf(Buffer.from('<database/>')), { dryRun: true, length: 11 })
    expect(both.server.seen.at(-1)).toBeDefined()
    expect(both.server.seen.some(({ url }) => url.startsWith('/pool/xmldbdump?dry_run=true'))).toBe(true)
  })
})

describe('a console', () => {
  test('is a connection both ways after CONNECT, from its first byte', async () => {
    await using both = await pair()
    const { server, xapi } = both
    const [ref = ''] = server.db.refs('console')
    server.db.update('console', ref, { location: `https://127.0.0.1/console?uuid=1` })
    server.tunnel('/console', (request, socket) => {
      expect(request.headers.cookie).toMatch(/^session_id=OpaqueRef:/)
      socket.write('HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nRFB 003.008\n')
      socket.pipe(socket)
    })
    const { stream, protocol } = await openConsole(xapi, asRef('console', ref))
    expect(protocol).toBe('rfb')
    stream.write('hello')
    let text = ''
    for await (const part of stream) {
      text += String(part)
      if (text.endsWith('hello')) break
    }
    expect(text).toBe('RFB 003.008\nhello')
  })

  test('that is refused is a typed error', async () => {
    await using both = await pair()
    const { server, xapi } = both
    const [ref = ''] = server.db.refs('console')
    server.tunnel('/console', (_, socket) => socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n'))
    expect(await failureOf(openConsole(xapi, asRef('console', ref)))).toMatchObject({
      code: 'xapi.http_status',
      details: { status: 503 },
    })
  })

  test('that does not answer is a typed error', async () => {
    await using both = await pair({}, { timeouts: { ...timeouts, login: 2000 } })
    const { server, xapi } = both
    const [ref = ''] = server.db.refs('console')
    server.tunnel('/console', () => undefined)
    expect(await failureOf(openConsole(xapi, asRef('console', ref)))).toMatchObject({ code: 'xapi.timeout' })
  })
})

test('ways to read a disk by NBD are named as NBD names them', async () => {
  await using both = await pair()
  both.server.method('VDI.get_nbd_info', () => [
    { exportname: '/u?session_id=s', address: '10.0.0.1', port: 10809, cert: 'PEM', subject: 'host' },
  ])
  expect(await nbdExports(both.xapi, vdi)).toEqual([
    { host: '10.0.0.1', port: 10809, exportName: '/u?session_id=s', certificate: 'PEM', subject: 'host' },
  ])
})
