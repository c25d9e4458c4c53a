import { startToolstack } from '@nixen/toolstack'
import { expect, test } from 'vitest'
import { browser, eventually, logIn, admin, signUp, temporaryState, testServer } from './rig.ts'

test('a new installation is set up by its link, connects a pool and follows it', async () => {
  await using state = await temporaryState()
  await using pool = await startToolstack({ vms: 20, hosts: 2, loginDelay: false })
  await using server = await testServer(state.path)
  const stranger = browser(server.url)
  expect(await stranger.client.meta.about()).toMatchObject({ name: 'nixen', setupRequired: true })
  await expect(stranger.client.vm.list()).rejects.toMatchObject({ code: 'auth.required' })

  const { client } = await signUp(server)
  expect(await client.meta.about()).toMatchObject({ setupRequired: false })
  // What is found is another thing on each machine.
  expect((await client.connection.nearby()).items.every(({ connected }) => !connected)).toBe(true)
  const target = { kind: 'xapi', address: pool.url, username: 'root', password: 'nixen' } as const
  await expect(client.connection.add(target)).rejects.toMatchObject({
    code: 'connection.unknown_certificate',
    details: { fingerprint: pool.fingerprint },
  })
  const probe = await client.connection.test({ kind: 'xapi', address: pool.url })
  expect(probe.certificate).toMatchObject({ fingerprint: pool.fingerprint, trusted: false, pinned: false })
  const fingerprint = probe.certificate?.fingerprint
  const connection = await client.connection.add({ ...target, fingerprint })
  await expect(client.connection.add({ ...target, fingerprint })).rejects.toMatchObject({
    code: 'connection.exists',
    message: expect.not.stringContaining('""'),
  })
  const found = await eventually(async () => {
    const now = await client.connection.get({ id: connection.id })
    return now.state === 'connected' ? now : undefined
  })
  expect(found.product).toMatch(/XCP-ng|XenServer/)

  const page = await client.vm.list({ q: 'power:running', sort: '-memory,name', limit: 5 })
  const [first] = page.items
  expect(page.total).toBeGreaterThan(0)
  expect(page.items.every((vm) => vm.power === 'running')).toBe(true)
  await expect(client.vm.list({ q: 'powr:running' })).rejects.toMatchObject({
    code: 'query.invalid',
    details: { offset: 0, length: 4, suggestion: 'power' },
  })
  if (!first) throw new Error('No VM runs')
  expect(await client.vm.get({ id: first.id })).toEqual(first)
  expect((await client.vm.native({ id: first.id })).record).toMatchObject({ name_label: first.name })

  const snapshot = await client.inventory.snapshot()
  expect(snapshot.objects.vm).toHaveLength((await client.vm.list({ limit: 1000 })).total)
  const stop = new AbortController()
  const events = client.inventory.events({ since: `${snapshot.view}.${snapshot.seq}` }, { signal: stop.signal })
  const iterator = events[Symbol.asyncIterator]()
  expect((await iterator.next()).value).toMatchObject({ event: 'hello', data: { view: snapshot.view } })
  await client.connection.update({ id: connection.id, name: 'Rack 1' })
  const { value } = await iterator.next()
  expect(value).toMatchObject({ event: 'deltas', data: [{ type: 'connection', set: { name: 'Rack 1' } }] })
  stop.abort()

  const again = await logIn(server, admin)
  expect((await again.client.session.me()).user.name).toBe('ada')
  const log = await client.audit.list()
  expect(log.items.map(({ action, ok }) => `${action} ${ok}`)).toEqual([
    'session.login true',
    'connection.update true',
    'connection.add false',
    'connection.add true',
    'connection.test true',
    'connection.add false',
    'session.setup true',
  ])
  expect(JSON.stringify(log)).not.toContain(admin.password)
  expect(await client.audit.verify()).toMatchObject({ ok: true, entries: 7 })
})
