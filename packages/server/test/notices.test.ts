import { makeCertificate } from '@nixen/testkit'
import { startReceiver } from '@nixen/testkit/http-receiver'
import { startSmtp } from '@nixen/testkit/smtp-server'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Server } from '../src/index.ts'
import { eventually, logIn, signUp, temporaryState, testServer, type Browser } from './rig.ts'

// The whole way, through the API: people, a pool, a mail server that is not ours, a webhook.

const state = await temporaryState()
let toolstack: Toolstack
let server: Server
let tab: Browser

const flags = { 'server.public_url': '' }

beforeAll(async () => {
  toolstack = await startToolstack({ hosts: 2, vms: 4, waits: false, loginDelay: false, seed: 11 })
  server = await testServer(state.path, { flags })
  tab = await signUp(server)
  const { url: address, fingerprint = '' } = toolstack
  await tab.client.connection.add({ kind: 'xapi', address, username: 'root', password: 'nixen', fingerprint })
  await eventually(async () => ((await tab.client.vm.list({})).total >= 4 ? true : undefined))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
})

test('a channel is made, tried out by its button, and says what the server says', async () => {
  const { client } = tab
  const certificate = await makeCertificate()
  const user = { name: 'nixen', password: 'a secret of mail' }
  await using smtp = await startSmtp({ security: 'starttls', certificate, user })
  const mail = {
    kind: 'email' as const,
    host: '127.0.0.1',
    port: smtp.port,
    from: 'nixen@example.net',
    to: ['ada@example.net'],
  }
  const { id } = await client.channel.create({
    ...mail,
    name: 'Mail',
    username: 'nixen',
    password: 'wrong',
    ca: certificate.cert,
  })
  expect(await client.channel.test({ id })).toMatchObject({ ok: false, answer: expect.stringContaining('535') })
  await client.channel.update({ id, password: user.password })
  expect(await client.channel.test({ id })).toMatchObject({
    ok: true,
    answer: expect.stringContaining('queued as TEST1'),
  })
  expect(smtp.taken).toMatchObject([{ secure: true, user: 'nixen', to: ['ada@example.net'] }])
  const shown = JSON.stringify([await client.channel.list({}), await client.audit.list({ limit: 100 })])
  expect(shown).toContain('channel.update')
  expect(shown).not.toMatch(/a secret of mail|wrong/)
  await client.channel.remove({ id })
  await expect(client.channel.get({ id })).rejects.toMatchObject({ code: 'channel.not_found' })
})

test('a job reports to its channels: the failures first, and only what somebody wants to know', async () => {
  const { client } = tab
  await using smtp = await startSmtp({ security: 'none' })
  const mail = {
    kind: 'email' as const,
    security: 'none' as const,
    host: '127.0.0.1',
    port: smtp.port,
    from: 'n@example.net',
    to: ['ada@example.net'],
  }
  const channel = (await client.channel.create({ ...mail, name: 'Reports' })).id
  const vms = (await client.vm.list({ q: 'power:running' })).items
  const work = { kind: 'action', action: 'vm.hardShutdown' } as const
  const job = { name: 'Off', work, channels: [channel], selection: { q: 'power:running' } }
  await expect(client.job.create({ ...job, channels: ['nobody'] })).rejects.toMatchObject({
    code: 'channel.not_found',
  })
  const { id } = await client.job.create(job)
  toolstack.pools[0]?.faults.add({
    method: 'VM.hard_shutdown',
    count: 1,
    error: ['INTERNAL_ERROR', 'it does not listen'],
  })
  await client.job.run({ id })
  const taken = await eventually(() => Promise.resolve(smtp.taken[0]))
  const text = taken.raw.replaceAll(/=\r?\n/g, '')
  expect(text).toMatch(new RegExp(`Subject: .failed. Off: 1 of ${vms.length} failed`))
  expect(text.indexOf(' failed ')).toBeLessThan(text.indexOf(' succeeded '))
  expect(text).toContain('it does not listen')
  // The rest goes well, and nobody is told.
  await client.job.run({ id })
  await eventually(async () => ((await client.job.get({ id })).last?.state === 'succeeded' ? true : undefined))
  expect((await client.channel.deliveries({ id: channel })).items).toMatchObject([{ state: 'sent', tries: 1 }])
  await expect(client.channel.remove({ id: channel })).rejects.toMatchObject({
    code: 'channel.in_use',
    message: expect.stringContaining('the job "Off"'),
  })
})

describe('an alert', () => {
  test('is tried out, told, shown as an alarm, kept over a restart, silenced, and over', async () => {
    await using receiver = await startReceiver()
    const channel = await tab.client.channel.create({
      kind: 'webhook',
      name: 'Hook',
      url: `${receiver.url}/T0KEN`,
      secret: 's',
    })
    const [vm] = (await tab.client.vm.list({})).items
    if (!vm) throw new Error('There is no VM')
    await tab.client.vm.update({ id: vm.id, tags: ['watch'] })
    await eventually(async () => ((await tab.client.vm.get({ id: vm.id })).tags.includes('watch') ? true : undefined))
    const wanted = {
      name: 'Watched',
      severity: 'critical' as const,
      condition: { kind: 'query' as const, q: 'tag:watch' },
      channels: [channel.id],
    }
    expect(await tab.client.alert.preview(wanted)).toMatchObject({
      looked: 4,
      holds: 1,
      items: [{ on: vm.id, holds: true }, {}, {}, {}],
    })
    const { id } = await tab.client.alert.create(wanted)
    const told = () => receiver.received.map(({ body }) => (JSON.parse(body) as { kind: string }).kind)
    await expect.poll(told, { timeout: 20_000 }).toEqual(['alert'])
    const alarms = async () => (await tab.client.alarm.list({ q: `on:${vm.id} name:alert_query` })).items
    expect(await alarms()).toMatchObject([{ severity: 'critical', name: 'alert_query', on: vm.id }])
    await server[Symbol.asyncDispose]()
    server = await testServer(state.path, { flags })
    tab = await logIn(server, { name: 'ada', password: 'correct horse battery' })
    expect((await tab.client.alert.active({})).items).toMatchObject([{ alert: id, on: vm.id, state: 'firing' }])
    expect(await alarms()).toHaveLength(1)
    await eventually(async () => ((await tab.client.vm.list({})).total >= 4 ? true : undefined))
    const silenced = await tab.client.alert.silence({ id, for: 3_600_000, reason: 'Work on it' })
    expect(silenced.silenced).toMatchObject({ reason: 'Work on it', until: expect.any(Number) })
    await expect(tab.client.alert.silence({ id })).rejects.toMatchObject({ code: 'alert.bad_silence' })
    await tab.client.vm.update({ id: vm.id, tags: [] })
    await expect.poll(alarms, { timeout: 20_000 }).toEqual([])
    expect(told()).toEqual(['alert'])
    await tab.client.alert.unsilence({ id })
    await expect.poll(told, { timeout: 20_000 }).toEqual(['alert', 'clear'])
    await tab.client.alert.remove({ id })
  }, 90_000)

  test('of processors asks the hosts that it is about', async () => {
    const { id } = await tab.client.alert.create({ name: 'Busy', condition: { kind: 'host-cpu', above: 0, clear: 0 } })
    const hosts = (await tab.client.host.list({})).total
    await expect.poll(async () => (await tab.client.alert.get({ id })).firing, { timeout: 20_000 }).toBe(hosts)
    expect((await tab.client.alert.active({})).items.find(({ alert }) => alert === id)?.message).toMatch(
      /^.+: the processors are busy to \d+ %; the threshold is 0 %\.$/,
    )
    expect(
      await tab.client.alert.update({ id, name: 'Busy', condition: { kind: 'host-memory', above: 1 } }),
    ).toMatchObject({ firing: 0 })
    expect((await tab.client.alarm.list({ q: 'name:alert_host_cpu' })).items).toEqual([])
    await tab.client.alert.remove({ id })
  }, 60_000)

  test('of jobs, certificates and repositories looks at those', async () => {
    const preview = async (condition: Parameters<typeof tab.client.alert.preview>[0]['condition']) => {
      const { looked, holds, items } = await tab.client.alert.preview({ name: 'x', condition })
      return [looked, holds, items.map(({ name }) => name)]
    }
    expect(await preview({ kind: 'job-failed' })).toEqual([1, 0, ['Off']])
    expect(await preview({ kind: 'job-late' })).toEqual([1, 0, ['Off']])
    const pool = (await tab.client.connection.list({})).items[0]?.name
    // The server itself speaks plain HTTP here.
    expect((await preview({ kind: 'certificate', days: 1 }))[2]).toEqual([pool])
    expect(await preview({ kind: 'repository' })).toEqual([0, 0, []])
    expect((await preview({ kind: 'query', type: 'vm', q: 'protection:unprotected' }))[0]).toBeGreaterThanOrEqual(4)
  })
})
