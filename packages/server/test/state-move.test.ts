import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startToolstack } from '@nixen/toolstack'
import { describe, expect, test } from 'vitest'
import { firstWithRows, tableNames } from '../src/db/copy-tables.ts'
import { openDatabase } from '../src/db/database.ts'
import { moveState } from '../src/index.ts'
import { moveTables } from '../src/state/move.ts'
import { testDatabases } from './databases.ts'
import { admin, logIn, signUp, temporaryState, testServer } from './rig.ts'

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

/** A stopped server's state with something in many tables, and so many entries more in the audit log. */
async function usedState(changes = 3) {
  const state = await temporaryState()
  await using pool = await startToolstack({ vms: 2, tls: false, loginDelay: false })
  await using server = await testServer(state.path)
  const { client } = await signUp(server)
  const role = await client.role.create({ name: 'Zoë 😀', grants: [{ actions: ['vm:*'], scope: 'tag:prod' }] })
  const user = await client.user.create({ name: 'Bob', password: 'a long enough password', roles: [role.id] })
  await client.group.create({ name: 'Night shift', members: [user.id], roles: ['operator'] })
  await client.savedQuery.create({ name: 'Mine', type: 'vm', q: 'tag:prod', columns: ['name'] })
  await client.connection.add({ kind: 'xapi', address: pool.url, password: 'nixen' })
  for (let i = 0; i < changes; i++) await client.settings.update({ values: { 'session.idle': 3_600_000 + i } })
  return state
}

test('every table of the schema is moved', async () => {
  await using state = await temporaryState()
  const db = openDatabase(join(state.path, 'db.sqlite'))
  const there = (await db.introspection.getTables()).map(({ name }) => name)
  await db.destroy()
  expect([...tableNames].toSorted()).toEqual(there.toSorted())
})

describe('from SQLite to SQLite', () => {
  test('all rows arrive, and a second time is refused and changes nothing', async () => {
    // More than go into one statement.
    await using state = await usedState(110)
    await using other = await temporaryState()
    const from = openDatabase(join(state.path, 'db.sqlite'))
    const to = openDatabase(join(other.path, 'db.sqlite'))
    try {
      const moved = await moveTables(from, to, 'elsewhere')
      expect(moved.tables).toMatchObject({ users: 2, roles: 1, groups: 1, group_members: 1, connections: 1 })
      expect(moved.audit).toMatchObject({ ok: true })
      expect(moved.audit.entries).toBeGreaterThan(110)
      for (const name of tableNames) {
        expect(await to.selectFrom(name).selectAll().execute()).toEqual(
          await from.selectFrom(name).selectAll().execute(),
        )
      }
      await expect(moveTables(from, to, 'elsewhere')).rejects.toMatchObject({ code: 'server.database_not_empty' })
    } finally {
      await from.destroy()
      await to.destroy()
    }
  })

  test.each(['changed', 'gone'])('an audit log of which an entry is %s is not moved', async (how) => {
    await using state = await usedState()
    await using other = await temporaryState()
    const from = openDatabase(join(state.path, 'db.sqlite'))
    const to = openDatabase(join(other.path, 'db.sqlite'))
    try {
      if (how === 'gone') await from.deleteFrom('audit').where('seq', '=', 3).execute()
      else await from.updateTable('audit').set({ entry_json: '{}' }).where('seq', '=', 3).execute()
      await expect(moveTables(from, to, 'elsewhere')).rejects.toMatchObject({ code: 'server.move_damaged' })
      expect(await firstWithRows(to)).toBeUndefined()
    } finally {
      await from.destroy()
      await to.destroy()
    }
  })
})

test('a state that is in use, not there, or in a database already is refused', async () => {
  await using state = await temporaryState()
  const to = 'postgres://nobody@127.0.0.1:1/nothing'
  await expect(moveState(state.path, { to })).rejects.toMatchObject({ code: 'server.state_unusable' })
  await expect(moveState(state.path, { to, databaseUrl: to })).rejects.toMatchObject({ code: 'server.moved_already' })
  {
    await using _server = await testServer(state.path)
    await expect(moveState(state.path, { to })).rejects.toMatchObject({ code: 'server.state_in_use' })
  }
  await expect(moveState(state.path, { to })).rejects.toMatchObject({ code: 'server.bad_database' })
})

describe.each(testDatabases().filter(({ name }) => name === 'PostgreSQL'))('from SQLite to $name', ({ start }) => {
  test('people log in where the state is now, and the old file stays as it was', async () => {
    await using database = await start()
    const flags = await database.fresh()
    await using state = await usedState()
    const file = join(state.path, 'db.sqlite')
    const before = hashOf(file)
    const moved = await moveState(state.path, { to: flags['database.url'] ?? '' })
    expect(moved.place).not.toContain('@')
    expect(hashOf(file)).toBe(before)
    await using server = await testServer(state.path, { flags })
    const { client } = await logIn(server, admin)
    expect((await client.user.list()).items.map(({ name }) => name)).toContain('Bob')
    expect((await client.connection.list()).items).toHaveLength(1)
    expect(await client.audit.verify()).toMatchObject({ ok: true })
    await expect(moveState(state.path, { to: flags['database.url'] ?? '' })).rejects.toMatchObject({
      code: 'server.state_in_use',
    })
  })
})
