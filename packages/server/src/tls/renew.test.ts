import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { silentLog, systemClock, type Clock, type Log } from '@nixen/core'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadConfig } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import { createApp } from '../http/app.ts'
import { provideTls } from './provide.ts'
import { keepRenewed } from './renew.ts'
import { makeSelfSigned, renewBefore } from './self-signed.ts'

const day = 86_400_000
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-tls-'))
})
afterAll(async () => await rm(folder, { recursive: true, force: true }))

/** Fingerprint of what a new client is shown. */
async function shown(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

/** Asks over a connection that stays open. */
async function ask(socket: TLSSocket): Promise<string> {
  socket.write('GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const [data] = (await once(socket, 'data')) as [Buffer]
  return data.toString()
}

/** A server with TLS whose certificate is looked at all the time. */
async function serve(settings: Settings, { clock = systemClock, log = silentLog }: { clock?: Clock; log?: Log } = {}) {
  const tls = await provideTls({ folder, settings, now: clock.now() })
  if (!tls) throw new TypeError('TLS is on')
  const app = createApp({ logger: pino({ level: 'silent' }), tls, trustedProxies: [], isUpgrade: () => false })
  app.get('/ping', () => 'pong')
  await app.listen({ host: '127.0.0.1', port: 0 })
  const served: string[] = [tls.fingerprint]
  const onServed = ({ fingerprint }: { fingerprint: string }): void => void served.push(fingerprint)
  const renewing = keepRenewed(app, { tls, folder, settings, clock, log, onServed, interval: 20 })
  const address = app.server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    port,
    served,
    async [Symbol.asyncDispose]() {
      renewing[Symbol.dispose]()
      await app.close()
    },
  }
}

test('the self-made certificate is renewed before its end, and open connections go on', async () => {
  const clock = { ...systemClock, shift: 0, now: () => Date.now() + clock.shift }
  const { values: settings } = loadConfig({})
  await using server = await serve(settings, { clock })
  const [first] = server.served
  expect(await shown(server.port)).toBe(first)
  const open = connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false })
  await once(open, 'secureConnect')
  expect(await ask(open)).toContain('pong')

  clock.shift = 397 * day - renewBefore + day
  await expect.poll(() => server.served.length, { timeout: 10_000 }).toBe(2)
  expect(await shown(server.port)).toBe(server.served[1])
  expect(server.served[1]).not.toBe(first)
  expect(await ask(open)).toContain('pong')
  open.destroy()
  // A clock that was set back: a certificate of the future is good for nobody.
  clock.shift = -5 * day
  await expect.poll(() => server.served.length, { timeout: 10_000 }).toBe(3)
  expect(await shown(server.port)).toBe(server.served[2])
})

test('files of one’s own that were replaced are taken up; those that do not fit each other are not', async () => {
  const write = async (names: readonly string[], now = Date.now()) => {
    const made = await makeSelfSigned(names, now)
    // The key first: for a moment they do not fit, as with any two files.
    await writeFile(join(folder, 'own.key'), made.key)
    await writeFile(join(folder, 'own.pem'), made.cert)
    return made
  }
  const before = await write(['localhost'])
  const failures: string[] = []
  const log: Log = { ...silentLog, error: (_, fields) => void failures.push(String(fields?.['message'])) }
  const { values: settings } = loadConfig({
    flags: { 'tls.mode': 'own', 'tls.certificate': join(folder, 'own.pem'), 'tls.key': join(folder, 'own.key') },
  })
  await using server = await serve(settings, { log })
  expect(await shown(server.port)).toBe(before.fingerprint)

  await copyFile(join(folder, 'own.key'), join(folder, 'kept.key'))
  const other = await makeSelfSigned(['elsewhere'], Date.now())
  await writeFile(join(folder, 'own.key'), other.key)
  await expect.poll(() => failures.length, { timeout: 10_000 }).toBeGreaterThan(0)
  expect(failures[0]).toContain('is not its key')
  expect(await shown(server.port)).toBe(before.fingerprint)
  await writeFile(join(folder, 'own.pem'), other.cert)
  await expect.poll(() => server.served.at(-1), { timeout: 10_000 }).toBe(other.fingerprint)
  expect(await shown(server.port)).toBe(other.fingerprint)
})
