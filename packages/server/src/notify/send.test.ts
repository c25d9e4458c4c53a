import { createServer } from 'node:net'
import { once } from 'node:events'
import type { ChannelTarget } from '@nixen/api'
import { makeCertificate } from '@nixen/testkit'
import { startReceiver } from '@nixen/testkit/http-receiver'
import { startSmtp } from '@nixen/testkit/smtp-server'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Envelope } from './message.ts'
import { send } from './send.ts'
import { signatureOf } from './send-webhook.ts'
import { testMessage } from './test-message.ts'

const now = Date.parse('2026-03-02T08:00:00Z')
const envelope: Envelope = { id: 'abc123', message: testMessage('Büro', now) }
const never = new AbortController().signal
const options = { signal: never, now }
let certificate: Awaited<ReturnType<typeof makeCertificate>>
beforeAll(async () => {
  certificate = await makeCertificate()
})

type Mail = Extract<ChannelTarget, { kind: 'email' }>
const mail = (more: Partial<Mail> & Pick<Mail, 'security' | 'port'>): Mail => ({
  kind: 'email',
  host: '127.0.0.1',
  from: 'Nixen <nixen@example.net>',
  to: ['ada@example.net'],
  ...more,
})

describe('e-mail', () => {
  test.each(['tls', 'starttls', 'none'] as const)('is handed over with %s and a log-in', async (security) => {
    const user = { name: 'nixen', password: 'let me in' }
    await using smtp = await startSmtp({ security, certificate, user })
    const target = mail({
      security,
      port: smtp.port,
      username: user.name,
      password: user.password,
      ca: certificate.cert,
    })
    const sent = await send(target, envelope, options)
    expect(sent).toEqual({ ok: true, answer: expect.stringContaining('queued as TEST1') })
    const [taken] = smtp.taken
    expect(taken).toMatchObject({
      from: 'nixen@example.net',
      to: ['ada@example.net'],
      user: 'nixen',
      secure: security !== 'none',
    })
    expect(taken?.raw).toMatch(/^Message-ID: <abc123@example\.net>/m)
    expect(taken?.raw).toMatch(/^Auto-Submitted: auto-generated/m)
    expect(taken?.raw).toContain('multipart/alternative')
  })

  test('is not sent in the clear when STARTTLS is asked for and not offered', async () => {
    await using smtp = await startSmtp({ security: 'none' })
    const sent = await send(mail({ security: 'starttls', port: smtp.port }), envelope, options)
    expect([sent.ok, smtp.taken]).toEqual([false, []])
    expect(sent.answer).toMatch(/STARTTLS|TLS/)
  })

  test.each(['tls', 'starttls'] as const)(
    'is not given with %s to a server that nobody vouches for',
    async (security) => {
      await using smtp = await startSmtp({ security, certificate })
      const sent = await send(mail({ security, port: smtp.port }), envelope, options)
      expect([sent.ok, smtp.taken]).toEqual([false, []])
      expect(sent.answer).toMatch(/self.signed|certificate/i)
    },
  )

  test('says what the server said when it refuses', async () => {
    const user = { name: 'nixen', password: 'let me in' }
    await using strict = await startSmtp({ security: 'none', user })
    const wrong = mail({ security: 'none', port: strict.port, username: 'nixen', password: 'hunter2' })
    const refused = await send(wrong, envelope, options)
    expect(refused).toEqual({ ok: false, answer: expect.stringMatching(/535.*Wrong user/) })
    expect(refused.answer).not.toContain('hunter2')
    await using full = await startSmtp({ security: 'none', refuse: () => ({ code: 452, text: 'No room\r\nleft' }) })
    const sent = await send(mail({ security: 'none', port: full.port }), envelope, options)
    expect(sent).toEqual({ ok: false, answer: expect.stringMatching(/452.*No room/) })
  })

  test('that only some receivers get is taken, and says who did not', async () => {
    await using smtp = await startSmtp({ security: 'none', unknown: ['gone@example.net'] })
    const target = mail({ security: 'none', port: smtp.port, to: ['ada@example.net', 'gone@example.net'] })
    const sent = await send(target, envelope, options)
    expect(sent).toEqual({ ok: true, answer: expect.stringContaining('Not taken for gone@example.net') })
  })

  test('gives up on a server that says nothing, and on one that is not there', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { port: number }
    const slow = await send(mail({ security: 'none', port }), envelope, { signal: AbortSignal.timeout(200), now })
    expect(slow).toEqual({ ok: false, answer: 'The mail server did not answer in time.' })
    await new Promise((resolve) => void silent.close(resolve))
    const dead = await send(mail({ security: 'none', port }), envelope, options)
    expect(dead).toEqual({ ok: false, answer: expect.stringContaining('ECONNREFUSED') })
  })
})

describe('a webhook', () => {
  test('gets signed JSON over TLS', async () => {
    await using receiver = await startReceiver(() => ({ status: 204 }), certificate)
    const target = {
      kind: 'webhook',
      url: `${receiver.url}/hooks/T0KEN`,
      secret: 'sealed',
      ca: certificate.cert,
    } as const
    expect(await send(target, envelope, options)).toMatchObject({ ok: true })
    const [request] = receiver.received
    expect(request).toMatchObject({ method: 'POST', path: '/hooks/T0KEN' })
    const { 'nixen-timestamp': at, 'nixen-signature': signature, 'nixen-delivery': id } = request?.headers ?? {}
    expect([id, at]).toEqual(['abc123', String(now / 1000)])
    expect(signature).toBe(signatureOf('sealed', Number(at), request?.body ?? ''))
    expect(JSON.parse(request?.body ?? '')).toMatchObject({
      id: 'abc123',
      kind: 'test',
      subject: 'Nixen: a test',
      at: now,
    })
  })

  test('is not followed elsewhere', async () => {
    await using other = await startReceiver()
    await using receiver = await startReceiver(() => ({ status: 307, headers: { location: other.url } }))
    const sent = await send({ kind: 'webhook', url: receiver.url }, envelope, options)
    expect(sent).toEqual({ ok: false, answer: expect.stringContaining('redirects are not followed') })
    expect(other.received).toEqual([])
  })

  test.each([
    ['in seconds', '120', 120_000],
    ['not at all', undefined, undefined],
  ])('that has enough says when to come back: %s', async (_how, header, retryAfter) => {
    const headers = header === undefined ? {} : { 'retry-after': header }
    await using receiver = await startReceiver(() => ({ status: 429, body: 'slow down', headers }))
    const sent = await send({ kind: 'webhook', url: receiver.url }, envelope, options)
    expect(sent).toEqual({ ok: false, answer: '429 Too Many Requests slow down', retryAfter })
  })

  test('whose server hangs, is gone, or answers without end is left in time', async () => {
    await using hanging = await startReceiver(() => 'hang')
    const target = { kind: 'webhook', url: hanging.url } as const
    const slow = await send(target, envelope, { signal: AbortSignal.timeout(200), now })
    expect(slow).toEqual({ ok: false, answer: 'The server did not answer in time.' })
    await using long = await startReceiver(() => ({ status: 500, body: `${'x'.repeat(1000)}\u001B[2J` }))
    const answered = await send({ kind: 'webhook', url: long.url }, envelope, options)
    expect(answered.answer.length).toBeLessThan(310)
    const { url } = long
    await long[Symbol.asyncDispose]()
    expect(await send({ kind: 'webhook', url }, envelope, options)).toMatchObject({ ok: false })
  })
})

test('ntfy gets a message on its topic, whatever letters are in it', async () => {
  await using receiver = await startReceiver()
  const url = `${receiver.url}/base/my-topic`
  const long: Envelope = { ...envelope, message: { ...envelope.message, severity: 'critical', text: 'ü'.repeat(5000) } }
  expect(await send({ kind: 'ntfy', url, token: 'tk_1' }, long, options)).toMatchObject({ ok: true })
  const [request] = receiver.received
  expect([request?.path, request?.headers.authorization]).toEqual(['/base/', 'Bearer tk_1'])
  const body = JSON.parse(request?.body ?? '') as { message: string }
  expect(body).toMatchObject({ topic: 'my-topic', title: 'Nixen: a test', priority: 5, tags: ['rotating_light'] })
  expect(Buffer.byteLength(body.message)).toBeLessThan(4096)
  expect(body.message).toMatch(/^ü+\n…$/)
})
