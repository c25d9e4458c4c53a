import { X509Certificate } from 'node:crypto'
import { hostname } from 'node:os'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { TLSSocket } from 'node:tls'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { temporaryState, testServer } from '../../test/rig.ts'
import { isGood, makeSelfSigned, ownNames, renewBefore } from './self-signed.ts'

const day = 86_400_000

test('the self-made certificate names the machine and is made anew in time', async () => {
  const now = Date.now()
  const names = ownNames(['nixen.example.net', '192.0.2.7'])
  expect(names).toEqual(expect.arrayContaining(['localhost', hostname(), '127.0.0.1', 'nixen.example.net']))
  const { cert, validTo, fingerprint } = await makeSelfSigned(names, now)
  const parsed = new X509Certificate(cert)
  expect(parsed.checkHost('nixen.example.net')).toBe('nixen.example.net')
  expect(parsed.checkIP('192.0.2.7')).toBe('192.0.2.7')
  expect(parsed.verify(parsed.publicKey)).toBe(true)
  expect(fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  expect(validTo - now).toBeLessThan(398 * day)
  expect(isGood(cert, { names, now })).toBe(true)
  expect(isGood(cert, { names: [...names, 'other.example.net'], now })).toBe(false)
  expect(isGood(cert, { names, now: validTo - renewBefore })).toBe(false)
  // A clock that was set back far.
  expect(isGood(cert, { names, now: now - 2 * day })).toBe(false)
  expect(isGood('no certificate', { names, now })).toBe(false)
})

test('the server answers by TLS with the certificate that it says, the same after a restart', async () => {
  await using state = await temporaryState()
  const prints: (string | undefined)[] = []
  for (let start = 0; start < 2; start++) {
    await using server = await testServer(state.path, { flags: { 'tls.mode': 'self-signed' } })
    prints.push(server.fingerprint)
    const call = request(`https://127.0.0.1:${server.port}/healthz`, { rejectUnauthorized: false }).end()
    const [response] = (await once(call, 'response')) as [IncomingMessage]
    const { socket } = response
    prints.push(socket instanceof TLSSocket ? socket.getPeerCertificate().fingerprint256 : 'no TLS')
    expect(response.statusCode).toBe(200)
    response.resume()
  }
  expect(new Set(prints).size).toBe(1)
})

test('a certificate of one’s own that does not fit its key is refused', async () => {
  await using state = await temporaryState()
  const flags = { 'tls.mode': 'own', 'tls.certificate': '/nowhere.pem', 'tls.key': '/nowhere.key' }
  await expect(testServer(state.path, { flags })).rejects.toMatchObject({ code: 'server.bad_certificate' })
})
