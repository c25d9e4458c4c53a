import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startToolstack } from '@nixen/toolstack'
import { expect, test } from 'vitest'
import { openDatabase } from '../src/db/database.ts'
import { migrations } from '../src/db/migrations.ts'
import { rotateMasterKey, verifyAuditLog } from '../src/index.ts'
import { totpAt } from '../src/auth/totp.ts'
import { admin, browser, eventually, logIn, signUp, spawnServer, temporaryState, testServer } from './rig.ts'

test('a server that is killed has lost nothing that it answered', async () => {
  await using state = await temporaryState()
  await using pool = await startToolstack({ vms: 5, loginDelay: false, tls: false })
  const first = await spawnServer(state.path)
  const tab = browser(first.url)
  const me = await tab.client.session.setUp({ token: first.setUpUrl?.split('#')[1] ?? '', ...admin })
  tab.csrf = me.csrf
  const added = await tab.client.connection.add({ kind: 'xapi', address: pool.url, password: 'nixen' })
  // Writes go on while it dies.
  const made: string[] = []
  const writing = (async () => {
    for (let n = 0; ; n++) {
      const role = await tab.client.role.create({ name: `role ${n}`, grants: [{ actions: ['vm:read'] }] })
      made.push(role.name)
      if (made.length === 15) first.child.kill('SIGKILL')
    }
  })()
  await expect(writing).rejects.toMatchObject({ code: 'client.unreachable' })

  const second = await spawnServer(state.path)
  try {
    expect(second.setUpUrl).toBeUndefined()
    // The cookie of before still counts.
    const again = Object.assign(browser(second.url), { cookie: tab.cookie, csrf: tab.csrf })
    const roles = (await again.client.role.list()).items.map(({ name }) => name)
    expect(roles).toEqual(expect.arrayContaining(made))
    const verdict = await again.client.audit.verify()
    expect(verdict).toMatchObject({ ok: true })
    expect(verdict.entries).toBeGreaterThanOrEqual(made.length + 2)
    const connection = await eventually(async () => {
      const now = await again.client.connection.get({ id: added.id })
      return now.state === 'connected' ? now : undefined
    })
    expect(connection.pool).toBeDefined()
    expect((await again.client.vm.list()).total).toBeGreaterThan(0)
  } finally {
    second.child.kill('SIGTERM')
    await once(second.child, 'exit')
  }
})

test('one server has a state directory; the next may have it after', async () => {
  await using state = await temporaryState()
  {
    await using server = await testServer(state.path)
    expect(server.setUpUrl).toContain('/setup#')
    await expect(testServer(state.path)).rejects.toMatchObject({ code: 'server.state_in_use' })
  }
  await using server = await testServer(state.path)
  expect(server.port).toBeGreaterThan(0)
})

test('what is in the state is for its owner alone, and no secret is readable in it', async () => {
  await using state = await temporaryState()
  await using pool = await startToolstack({ password: 'the-password-of-the-pool', tls: false, loginDelay: false })
  {
    await using server = await testServer(state.path)
    const { client } = await signUp(server)
    await client.connection.add({ kind: 'xapi', address: pool.url, password: 'the-password-of-the-pool' })
  }
  for (const path of ['db.sqlite', 'keys/master.key']) {
    expect((await stat(join(state.path, path))).mode & 0o077).toBe(0)
  }
  const bytes = await readFile(join(state.path, 'db.sqlite'), 'latin1')
  expect(bytes).not.toContain('the-password-of-the-pool')
  expect(bytes).not.toContain(admin.password)
  const { id } = JSON.parse(
    JSON.stringify(new DatabaseSync(join(state.path, 'db.sqlite')).prepare('SELECT id FROM connections').get()),
  ) as { id: string }
  expect(id).toMatch(/^[0-9a-z]{12}$/)
  await writeFile(join(state.path, 'keys/master.key'), `00000000 ${Buffer.alloc(32).toString('base64')}\n`)
  await expect(testServer(state.path)).rejects.toMatchObject({ code: 'server.key_missing' })
})

test('the schema is copied before it changes, and a newer one is refused', async () => {
  await using state = await temporaryState()
  const path = join(state.path, 'db.sqlite')
  const db = openDatabase(path)
  await db.insertInto('settings').values({ key: 'kept', value_json: '1' }).execute()
  await db.destroy()
  const next = [...migrations, { name: 'next', statements: ['CREATE TABLE next (id TEXT)'] }]
  await openDatabase(path, next).destroy()
  expect(() => openDatabase(path)).toThrow(
    `written by a newer Nixen (schema ${migrations.length + 1}, this one knows ${migrations.length})`,
  )
  const copy = openDatabase(`${path}.schema-${migrations.length}`)
  expect(await copy.selectFrom('settings').selectAll().execute()).toEqual([{ key: 'kept', value_json: '1' }])
  await copy.destroy()
})

test('a change of the schema that fails changes nothing', async () => {
  await using state = await temporaryState()
  const path = join(state.path, 'db.sqlite')
  await openDatabase(path).destroy()
  const broken = [
    ...migrations,
    { name: 'broken', statements: ['CREATE TABLE a (id TEXT)', 'CREATE TABLE a (id TEXT)'] },
  ]
  expect(() => openDatabase(path, broken)).toThrow(/cannot be used \(table a already exists\)/)
  await openDatabase(path).destroy()
  expect(await readdir(state.path)).toContain(`db.sqlite.schema-${migrations.length}`)
})

test('an entry of the audit log that was changed or taken away is found', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const { client } = await signUp(server)
  for (let n = 0; n < 5; n++) await client.role.create({ name: `role ${n}`, grants: [] })
  expect(await client.audit.verify()).toMatchObject({ ok: true, entries: 6 })
  const file = new DatabaseSync(join(state.path, 'db.sqlite'))
  const { entry_json: was } = file.prepare('SELECT entry_json FROM audit WHERE seq = 3').get() as { entry_json: string }
  file.prepare('UPDATE audit SET entry_json = replace(entry_json, ?, ?) WHERE seq = 3').run('ada', 'eve')
  expect(await client.audit.verify()).toEqual({ ok: false, entries: 2, brokenAt: 3 })
  file.prepare('UPDATE audit SET entry_json = ? WHERE seq = 3').run(was)
  expect(await client.audit.verify()).toMatchObject({ ok: true })
  file.prepare('DELETE FROM audit WHERE seq = 4').run()
  expect(await client.audit.verify()).toEqual({ ok: false, entries: 3, brokenAt: 4 })
  file.close()
})

test('sessions outlive a restart', async () => {
  await using state = await temporaryState()
  let tab
  {
    await using server = await testServer(state.path)
    tab = await signUp(server)
  }
  await using server = await testServer(state.path)
  const again = Object.assign(browser(server.url), { cookie: tab.cookie, csrf: tab.csrf })
  expect((await again.client.session.me()).user.name).toBe('ada')
  expect((await (await logIn(server, admin)).client.session.list()).items).toHaveLength(2)
})

test('the master key is changed while the server is stopped, and everything opens after it', async () => {
  await using state = await temporaryState()
  await using pool = await startToolstack({ vms: 2, tls: false, loginDelay: false })
  let secret = ''
  const key = async () => (await readFile(join(state.path, 'keys/master.key'), 'utf8')).slice(0, 8)
  {
    await using server = await testServer(state.path)
    const { client } = await signUp(server)
    await client.connection.add({ kind: 'xapi', address: pool.url, password: 'nixen' })
    secret = (await client.session.offerTotp()).secret
    await client.session.confirmTotp({ code: totpAt(secret, Math.floor(Date.now() / 30_000)) })
    await expect(rotateMasterKey(state.path)).rejects.toMatchObject({ code: 'server.state_in_use' })
  }
  const before = await key()
  const after = await rotateMasterKey(state.path)
  expect(after).not.toBe(before)
  expect(await readFile(join(state.path, 'keys/master.key'), 'utf8')).toMatch(new RegExp(`^${after} \\S+\n$`))
  expect(await verifyAuditLog(state.path)).toMatchObject({ ok: true, entries: 4 })
  await using server = await testServer(state.path)
  const { client } = await logIn(server, { ...admin, code: totpAt(secret, Math.floor(Date.now() / 30_000) + 1) })
  await eventually(async () => (await client.connection.list()).items.find(({ state: now }) => now === 'connected'))
})

test('a disk that is full is told in one sentence, and what was there stays', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path, { maxDatabasePages: 60 })
  const { client } = await signUp(server)
  const description = 'x'.repeat(2000)
  const filling = (async () => {
    for (let n = 0; n < 500; n++) await client.role.create({ name: `role ${n}`, description, grants: [] })
  })()
  await expect(filling).rejects.toMatchObject({ code: 'server.state_full', status: 507 })
  expect((await client.session.me()).user.name).toBe('ada')
  expect(await client.audit.verify()).toMatchObject({ ok: true })
})
