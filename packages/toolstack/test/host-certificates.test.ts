import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { isXapiError, Xapi } from '@nixen/xapi'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startToolstack, type Toolstack } from '../src/index.ts'

const run = promisify(execFile)
let directory: string
let toolstack: Toolstack
let xapi: Xapi

const start = (): Promise<Toolstack> =>
  startToolstack({ hosts: 1, vms: 1, waits: false, loginDelay: false, dataDir: join(directory, 'state') })
const login = (url: string, fingerprint: string): Promise<Xapi> =>
  Xapi.connect({ url, username: 'root', password: 'nixen', tls: { kind: 'pin', fingerprint } })

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nixen-certificates-'))
  toolstack = await start()
  xapi = await login(toolstack.url, toolstack.fingerprint ?? '')
})
afterAll(async () => {
  await xapi[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

/** A key and certificate that openssl makes. */
async function made(name: string, ...key: readonly string[]): Promise<readonly [cert: string, key: string]> {
  const [cert, pem] = [join(directory, `${name}.pem`), join(directory, `${name}.key`)]
  const days = name === 'old' ? ['-not_before', '20200101000000Z', '-not_after', '20210101000000Z'] : ['-days', '30']
  await run('openssl', [
    'req',
    '-x509',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    ...days,
    ...key,
    '-keyout',
    pem,
    '-out',
    cert,
  ])
  return [await readFile(cert, 'utf8'), await readFile(pem, 'utf8')]
}

/** Fingerprint of what answers. */
async function presented(url: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
      socket.destroy()
    }).on('error', reject)
  })
}

test('a host answers with the certificate that was installed, also after it was started again', async () => {
  const [host] = await xapi.client.host.get_all()
  if (!host) throw new Error('there is a host')
  const [cert, key] = await made('own.example', '-newkey', 'rsa:2048')
  const { fingerprint256 } = new X509Certificate(cert)
  await xapi.client.host.install_server_certificate(host, cert, key, '')
  expect(await presented(toolstack.url)).toBe(fingerprint256)
  await using again = await login(toolstack.url, fingerprint256)
  const [ref] = await again.client.host.get_certificates(host)
  if (!ref) throw new Error('it has a certificate')
  expect(await again.client.Certificate.get_fingerprint_sha256(ref)).toBe(fingerprint256)

  await xapi[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  toolstack = await start()
  expect(await presented(toolstack.url)).toBe(fingerprint256)
  xapi = await login(toolstack.url, fingerprint256)
  await xapi.client.host.reset_server_certificate(host)
  expect(await presented(toolstack.url)).not.toBe(fingerprint256)
})

test.each([
  ['SERVER_CERTIFICATE_KEY_INVALID', async () => [(await made('a', '-newkey', 'rsa:2048'))[0], 'no key'] as const],
  ['SERVER_CERTIFICATE_INVALID', async () => ['no certificate', (await made('b', '-newkey', 'rsa:2048'))[1]] as const],
  [
    'SERVER_CERTIFICATE_KEY_MISMATCH',
    async () => [(await made('c', '-newkey', 'rsa:2048'))[0], (await made('d', '-newkey', 'rsa:2048'))[1]] as const,
  ],
  [
    'SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED',
    () => made('e', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'),
  ],
  ['SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED', () => made('f', '-newkey', 'rsa:1024')],
] as const)('refuses with %s', async (code, make) => {
  const [host] = await xapi.client.host.get_all()
  if (!host) throw new Error('there is a host')
  const [cert, key] = await make()
  await expect(xapi.client.host.install_server_certificate(host, cert, key, '')).rejects.toSatisfy((error) =>
    isXapiError(error, code),
  )
})
