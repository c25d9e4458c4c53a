import { createClient, type Client } from '@nixen/api'
import { systemClock, type Clock } from '@nixen/core'
import { startToolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrations } from '../src/db/migrations.ts'
import { openPostgres } from '../src/db/postgres.ts'
import type { Server, ServerOptions } from '../src/index.ts'
import { testDatabases, type TestDatabase } from './databases.ts'
import { admin, eventually, logIn, signUp, temporaryState, testServer } from './rig.ts'

const password = 'a long enough password'
const day = 86_400_000

/** A clock that can be set. */
function movableClock(): Clock & { shift: number } {
  const clock = { ...systemClock, shift: 0, now: () => Date.now() + clock.shift }
  return clock
}

function withToken({ url }: Server, token: string): Client {
  return createClient({ baseUrl: url, token })
}

describe.each(testDatabases())('on $name', ({ start }) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await start()
  })
  afterAll(async () => await database[Symbol.asyncDispose]())

  /** A server with a database of its own; started again with {@link again}. */
  async function fresh(options: Partial<ServerOptions> = {}) {
    const state = await temporaryState()
    const flags = { ...(await database.fresh()), ...options.flags }
    let server = await testServer(state.path, { ...options, flags })
    return {
      get server() {
        return server
      },
      flags,
      async again(more: Partial<ServerOptions> = {}) {
        await server[Symbol.asyncDispose]()
        server = await testServer(state.path, { ...options, ...more, flags: { ...flags, ...more.flags } })
        return server
      },
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]()
        await state[Symbol.asyncDispose]()
      },
    }
  }

  test('what is kept is there after a restart', async () => {
    await using pool = await startToolstack({ vms: 3, tls: false, loginDelay: false })
    await using rig = await fresh()
    const { client } = await signUp(rig.server)
    const role = await client.role.create({ name: 'Production', grants: [{ actions: ['vm:*'], scope: 'tag:prod' }] })
    const user = await client.user.create({ name: 'Bob', password, email: 'bob@example.net', roles: [role.id] })
    const group = await client.group.create({ name: 'Night shift', members: [user.id], roles: ['operator'] })
    const query = await client.savedQuery.create({ name: 'Mine', type: 'vm', q: 'tag:prod', columns: ['name'] })
    await client.settings.update({ values: { 'server.public_url': 'https://nixen.example.net' } })
    const { token } = await client.token.create({ name: 'backup', grants: [{ actions: ['vm:read'] }] })
    const connection = await client.connection.add({ kind: 'xapi', address: pool.url, password: 'nixen' })
    await client.connection.update({ id: connection.id, name: 'Rack 1' })
    const before = await client.audit.list({ limit: 1000 })

    await rig.again({ flags: { 'server.public_url': '' } })
    const { client: later } = await logIn(rig.server, admin)
    expect(await later.role.get({ id: role.id })).toEqual(role)
    expect(await later.user.get({ id: user.id })).toEqual({ ...user, groups: [group.id] })
    expect((await later.group.list()).items).toEqual([group])
    expect((await later.savedQuery.list()).items).toEqual([query])
    expect((await later.token.listAll()).items).toEqual([token])
    const found = await eventually(async () => {
      const now = await later.connection.get({ id: connection.id })
      return now.state === 'connected' ? now : undefined
    })
    expect(found).toMatchObject({ name: 'Rack 1', username: connection.username })
    const after = await later.audit.list({ limit: 1000 })
    expect(after.items.slice(-before.items.length)).toEqual(before.items)
    expect(await later.audit.verify()).toMatchObject({ ok: true, entries: before.items.length + 1 })
    expect(after.total).toBe(before.items.length + 1)
  })

  test('saved queries belong to who made them, and are seen by others when shared', async () => {
    await using rig = await fresh()
    const { client: ada } = await signUp(rig.server)
    await ada.user.create({ name: 'bob', password })
    const { client: bob } = await logIn(rig.server, { name: 'bob', password })
    const mine = await ada.savedQuery.create({
      name: 'Big',
      type: 'vm',
      q: 'memory:>8GiB',
      sort: '-memory',
      default: true,
    })
    const shared = await ada.savedQuery.create({ name: 'Down', type: 'host', q: '!power:running', shared: true })
    expect((await bob.savedQuery.list()).items).toEqual([shared])
    for (const change of [
      () => bob.savedQuery.update({ id: shared.id, q: '' }),
      () => bob.savedQuery.delete({ id: shared.id }),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: 'saved_query.not_found' })
    }
    await expect(ada.savedQuery.create({ name: 'Big', type: 'vm', q: '' })).rejects.toMatchObject({
      code: 'saved_query.exists',
    })
    await expect(ada.savedQuery.create({ name: 'Bad', type: 'vm', q: 'powr:on' })).rejects.toMatchObject({
      code: 'query.invalid',
      details: { offset: 0, suggestion: 'power' },
    })
    await expect(ada.savedQuery.update({ id: mine.id, sort: '-memroy' })).rejects.toMatchObject({
      code: 'query.bad_sort',
    })
    // The list of a type opens with one of them.
    const next = await ada.savedQuery.create({ name: 'All', type: 'vm', q: '', default: true })
    const items = (await ada.savedQuery.list()).items.map(({ name, default: isDefault }) => [name, isDefault])
    expect(items).toEqual([
      ['All', true],
      ['Big', false],
      ['Down', false],
    ])
    await ada.savedQuery.delete({ id: next.id })
    expect((await ada.savedQuery.list()).items).toHaveLength(2)
  })

  test('a group gives its roles to its members, as long as they are in it', async () => {
    await using rig = await fresh()
    const { client: ada } = await signUp(rig.server)
    const { user: me } = await ada.session.me()
    const user = await ada.user.create({ name: 'bob', password })
    const { client: bob } = await logIn(rig.server, { name: 'bob', password })
    await expect(bob.user.list()).rejects.toMatchObject({ code: 'auth.forbidden' })
    const group = await ada.group.create({ name: 'Admins', members: [user.id], roles: ['admin'] })
    expect((await bob.user.list()).total).toBe(2)
    // The last administrator may be one by a group.
    await ada.user.update({ id: me.id, roles: [] })
    for (const change of [
      () => bob.group.delete({ id: group.id }),
      () => bob.group.update({ id: group.id, members: [] }),
      () => bob.group.update({ id: group.id, roles: [] }),
      () => bob.user.delete({ id: user.id }),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: 'user.last_admin' })
    }
    expect(await bob.group.get({ id: group.id })).toEqual(group)
    await bob.user.update({ id: me.id, roles: ['admin'] })
    await ada.group.update({ id: group.id, members: [] })
    await expect(bob.user.list()).rejects.toMatchObject({ code: 'auth.forbidden' })

    await expect(ada.group.create({ name: 'ADMINS' })).rejects.toMatchObject({ code: 'group.exists' })
    await expect(ada.group.create({ name: 'x', members: ['000000000000'] })).rejects.toMatchObject({
      code: 'user.not_found',
    })
    await expect(ada.group.create({ name: 'x', roles: ['nothing'] })).rejects.toMatchObject({
      code: 'role.not_found',
    })
    expect((await ada.group.list()).items).toHaveLength(1)
    await ada.group.delete({ id: group.id })
    await expect(ada.group.get({ id: group.id })).rejects.toMatchObject({ code: 'group.not_found' })
    expect((await ada.user.get({ id: user.id })).groups).toEqual([])
  })

  test('a token does no more than its grants and its user, and ends when it says', async () => {
    const clock = movableClock()
    await using rig = await fresh({ clock })
    const { client: ada } = await signUp(rig.server)
    const user = await ada.user.create({ name: 'bob', password, roles: ['operator'] })
    const { client: bob } = await logIn(rig.server, { name: 'bob', password })
    await expect(bob.token.create({ name: 'old', expires: clock.now() })).rejects.toMatchObject({
      code: 'token.expires_in_past',
    })
    await expect(bob.token.create({ name: 'bad', grants: [{ actions: ['vm:strat'] }] })).rejects.toMatchObject({
      code: 'role.unknown_action',
    })
    const expires = clock.now() + day
    const grants = [{ actions: ['vm:read', 'user:*'] }]
    const { token, secret } = await bob.token.create({ name: 'metrics', grants, expires })
    const program = withToken(rig.server, secret)
    expect((await program.vm.list()).total).toBe(0)
    // Bob may see hosts, his token may not; his token names users, and he may not see those.
    await expect(program.host.list()).rejects.toMatchObject({ code: 'auth.forbidden' })
    await expect(program.user.list()).rejects.toMatchObject({ code: 'auth.forbidden' })
    const { secret: second, token: made } = await program.token.create({ name: 'more', grants: [{ actions: ['*'] }] })
    expect(made.grants).toEqual(grants)
    await expect(withToken(rig.server, second).host.list()).rejects.toMatchObject({ code: 'auth.forbidden' })

    clock.shift = day + 1000
    await expect(program.vm.list()).rejects.toMatchObject({ code: 'auth.expired' })
    expect((await withToken(rig.server, second).vm.list()).total).toBe(0)
    expect(token.expires).toBe(expires)
    const { client: later } = await logIn(rig.server, admin)
    await later.user.update({ id: user.id, disabled: true })
    await expect(withToken(rig.server, second).vm.list()).rejects.toMatchObject({ code: 'auth.expired' })
    await later.token.revokeAny({ id: made.id })
    expect((await later.token.listAll()).items.map(({ name }) => name)).toEqual(['metrics'])
  })

  test('settings change at once where they can, and those from outside say where they come from', async () => {
    const clock = movableClock()
    const lines: string[] = []
    await using rig = await fresh({
      clock,
      environment: { NIXEN_SERVER_BASE_PATH: '/' },
      flags: { 'log.level': undefined },
      logTo: { write: (line) => void lines.push(line) },
    })
    const tab = await signUp(rig.server)
    const { settings } = tab.client
    const one = async (key: string) => (await settings.list()).items.find((item) => item.key === key)
    expect(await one('server.base_path')).toMatchObject({ readOnly: true, origin: 'NIXEN_SERVER_BASE_PATH' })
    expect(await one('tls.mode')).toMatchObject({ readOnly: true, source: 'flag', origin: '--set tls.mode' })
    expect(await one('database.url')).not.toHaveProperty('value')
    await expect(settings.update({ values: { 'server.base_path': '/x' } })).rejects.toMatchObject({
      code: 'settings.read_only',
      message: 'server.base_path is set by NIXEN_SERVER_BASE_PATH. Change it there.',
    })
    await expect(settings.update({ values: { 'sesion.idle': '1h' } })).rejects.toMatchObject({
      code: 'settings.unknown',
      details: { suggestion: 'session.idle' },
    })
    // All of them or none.
    const half = { 'log.level': 'warn', 'session.idle': 'soon' }
    await expect(settings.update({ values: half })).rejects.toMatchObject({ code: 'settings.invalid' })
    expect(await one('log.level')).toMatchObject({ value: 'info', source: 'default' })

    expect(lines.some((line) => line.includes('"path":"/api/v1/settings"'))).toBe(true)
    await settings.update({
      values: { 'log.level': 'error', 'session.idle': '2m', 'tls.names': ['nixen.example.net'] },
    })
    expect(await one('log.level')).toMatchObject({
      value: 'error',
      source: 'database',
      readOnly: false,
      restart: false,
    })
    lines.length = 0
    await settings.list()
    expect(lines).toEqual([])
    // A session that begins now ends after two minutes without use.
    const short = await logIn(rig.server, admin)
    expect((await short.client.session.me()).expires).toBeLessThan(clock.now() + 130_000)
    clock.shift = 180_000
    await expect(short.client.session.me()).rejects.toMatchObject({ code: 'auth.expired' })

    const { client } = await logIn(rig.server, admin)
    await client.settings.update({ values: { 'session.idle': null } })
    const idle = (await client.settings.list()).items.find(({ key }) => key === 'session.idle')
    expect(idle).toMatchObject({ source: 'default', value: 12 * 3_600_000 })
    await rig.again()
    const later = await logIn(rig.server, admin)
    const names = (await later.client.settings.list()).items.find(({ key }) => key === 'tls.names')
    expect(names).toMatchObject({ value: ['nixen.example.net'], source: 'database', restart: true })
  })
})

describe.skipIf(testDatabases().length < 2)('a database of PostgreSQL', () => {
  let database: TestDatabase | undefined
  let url = ''
  beforeAll(async () => {
    database = await testDatabases()[1]?.start()
    url = (await database?.fresh())?.['database.url'] ?? ''
  })
  afterAll(async () => await database?.[Symbol.asyncDispose]())

  test('belongs to one server at a time', async () => {
    await using first = await temporaryState()
    await using second = await temporaryState()
    {
      await using _server = await testServer(first.path, { flags: { 'database.url': url } })
      await expect(testServer(second.path, { flags: { 'database.url': url } })).rejects.toMatchObject({
        code: 'server.database_in_use',
      })
    }
    await using _server = await testServer(second.path, { flags: { 'database.url': url } })
  })

  test('is refused when a newer Nixen wrote it, and changes wholly or not at all', async () => {
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
    const broken = [
      ...migrations,
      { name: 'broken', statements: ['CREATE TABLE a (id TEXT)', 'CREATE TABLE a (id TEXT)'] },
    ]
    await expect(openPostgres(url, { log, migrations: broken })).rejects.toMatchObject({ code: 'server.bad_database' })
    const next = [...migrations, { name: 'next', statements: ['CREATE TABLE a (id TEXT)'] }]
    await (await openPostgres(url, { log, migrations: next })).destroy()
    await expect(openPostgres(url, { log })).rejects.toMatchObject({ code: 'server.newer_schema' })
  })

  test('that does not answer is said in a sentence without the password', async () => {
    await using state = await temporaryState()
    const flags = { 'database.url': 'postgres://nixen:sesame@127.0.0.1:1/nixen' }
    const failed = testServer(state.path, { flags })
    await expect(failed).rejects.toMatchObject({ code: 'server.bad_database' })
    await expect(failed).rejects.not.toThrow('sesame')
    await expect(testServer(state.path, { flags: { 'database.url': 'mysql://db' } })).rejects.toMatchObject({
      code: 'server.bad_setting',
    })
  })
})
