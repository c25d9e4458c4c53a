import type { Host, Vm } from '@nixen/api'
import { seriesName, Stats, statsMetrics } from '@nixen/api'
import { systemClock } from '@nixen/core'
import { xapiProvider, type ObjectChange, type Provider, type ProviderSession } from '@nixen/providers'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { Xapi } from '@nixen/xapi'
import { expect, test } from 'vitest'
import { admin, browser, eventually, logIn, signUp, temporaryState, testServer, type Browser } from './rig.ts'

const password = 'a long enough password'
const quick = { tls: false, loginDelay: false, waits: false } as const

async function connected({ client }: Browser, { url: address }: Toolstack) {
  const { id } = await client.connection.add({ kind: 'xapi', address, password: 'nixen' })
  return await eventually(async () => {
    const now = await client.connection.get({ id })
    return now.state === 'connected' ? now : undefined
  })
}

/** Hosts take no call with a name of this length, but their database may hold one. */
const hugeName = `${'é'.repeat(500_000)}"\\\n${'x'.repeat(1_000_000)}`
function withHugeName(change: ObjectChange): ObjectChange {
  if (change.kind !== 'upsert' || change.type !== 'vm' || change.object.name !== 'huge') return change
  return { ...change, object: { ...change.object, name: hugeName } }
}
const withHugeNames: Provider = {
  ...xapiProvider,
  async open(...args) {
    const session = await xapiProvider.open(...args)
    const changes: ProviderSession['changes'] = async function* changes(options) {
      for await (const change of session.changes(options)) {
        if (change.kind !== 'changes') yield change
        else yield { ...change, changes: change.changes.map((item) => withHugeName(item)) }
      }
    }
    return new Proxy(session, {
      get(target, key) {
        if (key === 'changes') return changes
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  },
}

test('guessing is slowed by name and by address, doubling, and others are not kept out', async () => {
  const clock = { ...systemClock, later: 0, monotonic: () => clock.later }
  await using state = await temporaryState()
  await using server = await testServer(state.path, { clock, flags: { 'server.trusted_proxies': '127.0.0.1' } })
  const tab = await signUp(server)
  await tab.client.user.create({ name: 'bob', password })
  const attempt = async (name: string, secret: string, address: string) => {
    const response = await server.app.inject({
      method: 'POST',
      url: '/api/v1/session',
      headers: { 'x-forwarded-for': address },
      payload: { name, password: secret },
    })
    const wait = response.headers['retry-after']
    return wait === undefined ? response.statusCode : `wait ${wait}`
  }
  for (let n = 0; n < 5; n++) expect(await attempt('ada', 'wrong', '192.0.2.1')).toBe(401)
  // The name waits from everywhere, with the right password too; spelt otherwise it is the same name.
  expect(await attempt('ada', admin.password, '192.0.2.2')).toBe('wait 1')
  expect(await attempt('ADA', admin.password, '192.0.2.3')).toBe('wait 1')
  // The address waits for every name; somebody else, from elsewhere, does not.
  expect(await attempt('bob', password, '192.0.2.1')).toBe('wait 1')
  expect(await attempt('bob', password, '192.0.2.9')).toBe(200)
  for (const seconds of [2, 4, 8]) {
    clock.later += seconds * 500
    expect(await attempt('ada', 'wrong', '192.0.2.1')).toBe(401)
    expect(await attempt('ada', 'wrong', '192.0.2.1')).toBe(`wait ${seconds}`)
  }
  clock.later += 16 * 60_000
  expect(await attempt('ada', admin.password, '192.0.2.1')).toBe(200)
  expect(await attempt('ada', 'wrong', '192.0.2.1')).toBe(401)
  const log = await tab.client.audit.list({ q: 'action:session.login' })
  expect(log.items.filter(({ ok }) => !ok).length).toBeGreaterThan(10)
  expect(JSON.stringify(log)).not.toContain(password)
})

test('the log is lines of JSON with the ids of requests and tasks, and no secret', async () => {
  const lines: string[] = []
  await using state = await temporaryState()
  await using pool = await startToolstack({ ...quick, vms: 5 })
  const logTo = { write: (line: string) => void lines.push(line) }
  await using server = await testServer(state.path, { logTo, flags: { 'log.level': 'debug' } })
  const tab = await signUp(server)
  await connected(tab, pool)
  const refused: unknown = await tab.client.vm.get({ id: 'vm.nothing.1' }).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'vm.not_found' })
  const { requestId } = (refused as { details: { requestId: string } }).details
  const [vm] = (await tab.client.vm.list({ q: 'power:running' })).items
  if (!vm) throw new Error('There is a VM that runs')
  const { task } = await tab.client.vm.shutdown({ id: vm.id })
  const ended = await eventually(() =>
    Promise.resolve(lines.find((line) => line.includes(task) && line.includes('task ended'))),
  )
  const [action] = (await tab.client.audit.list({ q: 'action:vm.shutdown' })).items
  expect(JSON.parse(ended)).toMatchObject({ task, request: action?.requestId, state: 'succeeded' })
  const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(entries.find(({ request }) => request === requestId)).toMatchObject({
    method: 'GET',
    path: '/api/v1/vms/vm.nothing.1',
    status: 404,
    address: '127.0.0.1',
  })
  const [entry] = (await tab.client.audit.list({ q: 'action:session.setup' })).items
  expect(entries.some(({ request }) => request === entry?.requestId)).toBe(true)
  expect(entries.every(({ time }) => typeof time === 'string' && time.endsWith('Z'))).toBe(true)
  for (const secret of [admin.password, tab.cookie?.split('=')[1] ?? '?', tab.csrf ?? '?', '"nixen"']) {
    expect(lines.join('')).not.toContain(secret)
  }
})

test('a clock that jumps ends what is over and nothing else', async () => {
  const clock = { ...systemClock, shift: 0, now: () => Date.now() + clock.shift }
  await using state = await temporaryState()
  await using pool = await startToolstack({ ...quick, vms: 3 })
  await using server = await testServer(state.path, { clock })
  const tab = await signUp(server)
  const connection = await connected(tab, pool)
  const { secret } = await tab.client.token.create({ name: 'a day', expires: clock.now() + 86_400_000 })
  const program = browser(server.url)
  const byToken = (path: string) =>
    program.fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${secret}` } })

  // Ten years back, as after a dead battery: sessions, tokens and the connection go on.
  clock.shift = -10 * 365 * 86_400_000
  expect((await tab.client.session.me()).user.name).toBe('ada')
  expect((await byToken('api/v1/vms')).status).toBe(200)
  expect((await tab.client.connection.get({ id: connection.id })).state).toBe('connected')
  await tab.client.role.create({ name: 'long ago', grants: [] })
  expect(await tab.client.audit.verify()).toMatchObject({ ok: true })
  // A month ahead: all of them are over; the pool is not.
  clock.shift = 40 * 86_400_000
  await expect(tab.client.session.me()).rejects.toMatchObject({ code: 'auth.expired' })
  expect((await byToken('api/v1/vms')).status).toBe(401)
  const later = await logIn(server, admin)
  expect((await later.client.connection.get({ id: connection.id })).state).toBe('connected')
  expect((await later.client.vm.list()).total).toBe(3)
  expect(await later.client.audit.verify()).toMatchObject({ ok: true })
})

test('names of two megabytes pass through lists, streams and metrics', async () => {
  await using state = await temporaryState()
  await using pool = await startToolstack({ ...quick, vms: 3 })
  await using server = await testServer(state.path, { providers: [withHugeNames] })
  const tab = await signUp(server)
  await connected(tab, pool)
  const { view, seq } = await tab.client.inventory.snapshot()
  const stop = new AbortController()
  const events = tab.client.inventory.events({ since: `${view}.${seq}` }, { signal: stop.signal })
  await using xapi = await Xapi.connect({ url: pool.url, username: 'root', password: 'nixen' })
  expect(Buffer.byteLength(hugeName)).toBeGreaterThan(2_000_000)
  const [vm] = (await tab.client.vm.list()).items
  if (!vm) throw new Error('There is a VM')
  await xapi.client.VM.set_name_label(await xapi.client.VM.get_by_uuid(vm.id.split('.')[2] ?? ''), 'huge')
  for await (const { event, data } of events) {
    if (event === 'deltas' && data.some((delta) => delta.id === vm.id && delta.set?.['name'] === hugeName)) break
  }
  stop.abort()
  expect((await tab.client.vm.get({ id: vm.id })).name).toBe(hugeName)
  expect((await tab.client.vm.list({ q: 'name:*xxx', sort: 'name' })).items.map(({ id }) => id)).toEqual([vm.id])
  const { objects } = await tab.client.inventory.snapshot()
  expect(objects.vm.find(({ id }) => id === vm.id)?.name).toBe(hugeName)
  const metrics = await (await tab.fetch(`${server.url}metrics`)).text()
  expect(metrics.split('\n').filter((line) => line.startsWith('nixen_vm_running')).length).toBe(3)
})

test('a connection that is removed takes everything of it away, and may be added again', async () => {
  await using state = await temporaryState()
  await using pool = await startToolstack({ ...quick, vms: 5 })
  await using other = await startToolstack({ ...quick, vms: 4, seed: 2, listen: ['127.0.7.1'] })
  await using server = await testServer(state.path)
  const tab = await signUp(server)
  const { client } = tab
  const kept = await connected(tab, other)
  const gone = await connected(tab, pool)
  const before = await client.inventory.snapshot()
  const stop = new AbortController()
  const events = client.inventory.events({ since: `${before.view}.${before.seq}` }, { signal: stop.signal })
  const removed = new Set<string>()
  const following = (async () => {
    for await (const { event, data } of events) {
      if (event === 'deltas') for (const { id, gone: isGone } of data) if (isGone) removed.add(id)
      if (removed.has(gone.id)) return
    }
  })()
  await client.connection.remove({ id: gone.id })
  await following
  stop.abort()
  const lists: readonly (readonly { id: string; connection?: string }[])[] = Object.values(before.objects)
  const ofGone = lists.flat().filter(({ id, connection }) => connection === gone.id || id === gone.id)
  expect(ofGone.length).toBeGreaterThan(10)
  expect(removed).toEqual(new Set(ofGone.map(({ id }) => id)))
  const after: readonly (readonly { id: string }[])[] = Object.values((await client.inventory.snapshot()).objects)
  expect(after.flat().some((object) => 'connection' in object && object.connection === gone.id)).toBe(false)
  expect((await client.vm.list()).items.every(({ connection }) => connection === kept.id)).toBe(true)
  await expect(client.connection.get({ id: gone.id })).rejects.toMatchObject({ code: 'connection.not_found' })
  await expect(client.connection.remove({ id: gone.id })).rejects.toMatchObject({ code: 'connection.not_found' })
  const again = await connected(tab, pool)
  expect(again.id).not.toBe(gone.id)
  expect((await client.vm.list({ q: `connection:${again.id}` })).total).toBe(5)
})

test('a pool that goes away is told as an alarm, and no more when it is back', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const tab = await signUp(server)
  const pool = await startToolstack({ ...quick, vms: 2, password: 'first' })
  const { id } = await tab.client.connection.add({ kind: 'xapi', address: pool.url, password: 'first' })
  await eventually(async () => (await tab.client.connection.get({ id })).pool)
  await pool[Symbol.asyncDispose]()
  // Somebody changed the password meanwhile: trying again mends nothing.
  await using changed = await startToolstack({ ...quick, vms: 2, port: pool.port, password: 'second' })
  const alarm = await eventually(async () => (await tab.client.alarm.list({ q: 'name:connection_down' })).items[0])
  expect(alarm).toMatchObject({ id: `alarm.nixen.connection-${id}`, connection: 'nixen', severity: 'critical' })
  expect(alarm.message).toContain('does not accept the password of root')
  expect(await (await tab.fetch(`${server.url}metrics`)).text()).toMatch(/nixen_alarms\{severity="critical"\} [1-9]/)
  await tab.client.connection.update({ id, password: 'second' })
  await eventually(async () =>
    (await tab.client.alarm.list({ q: 'name:connection_down' })).total === 0 ? true : undefined,
  )
  expect(changed.port).toBe(pool.port)
})

test('what was measured comes in the terms of the contract, of objects that one may see', async () => {
  await using state = await temporaryState()
  await using pool = await startToolstack({ ...quick, vms: 6, hosts: 2 })
  await using server = await testServer(state.path)
  const tab = await signUp(server)
  const { client } = tab
  const connection = await connected(tab, pool)
  const vm = (await client.vm.list({ q: 'power:running' })).items[0] as Vm
  const host = (await client.host.list()).items[0] as Host
  const stats = await client.vm.stats({ id: vm.id })
  expect(Stats.parse(stats)).toEqual(stats)
  expect(stats.step).toBe(5000)
  for (const { name, unit } of stats.series) {
    const metric = Object.entries(statsMetrics).find(([known]) => name === known || name.startsWith(`${known}.`))
    expect(metric?.[1]).toBe(unit)
  }
  const some = await client.vm.stats({ id: vm.id, series: ['cpu', 'disk.read'], span: '2h' })
  expect(some.step).toBe(60_000)
  expect(some.series.every(({ name }) => /^(cpu|disk\.read)(\.|$)/.test(name))).toBe(true)
  expect(some.series.map(({ name }) => name)).toContain(seriesName('cpu', '0'))
  expect(
    (await client.host.stats({ id: host.id, series: ['memory'] })).series.map(({ name }) => name).toSorted(),
  ).toEqual(['memory', 'memory.free', 'memory.total'])
  const storage = (await client.storage.list({ q: 'state:ok' })).items[0]
  if (!storage) throw new Error('There is a storage')
  expect((await client.storage.stats({ id: storage.id })).series.length).toBeGreaterThan(0)

  await client.user.create({ name: 'bob', password })
  const role = await client.role.create({ name: 'x', grants: [{ actions: ['vm:read'], scope: 'name:nothing' }] })
  const [bob] = (await client.user.list({ q: 'name:bob' })).items
  if (bob) await client.user.update({ id: bob.id, roles: [role.id] })
  const his = await logIn(server, { name: 'bob', password })
  await expect(his.client.vm.stats({ id: vm.id })).rejects.toMatchObject({ code: 'vm.not_found' })
  await client.connection.update({ id: connection.id, enabled: false })
  await expect(client.vm.stats({ id: vm.id })).rejects.toMatchObject({ code: 'vm.not_found' })
})
