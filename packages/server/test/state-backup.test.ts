import { appendFile, cp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startToolstack } from '@nixen/toolstack'
import { expect, test } from 'vitest'
import { backupState, restoreState, verifyAuditLog } from '../src/index.ts'
import { admin, eventually, logIn, signUp, temporaryState, testServer } from './rig.ts'

const now = 1_800_000_000_000

test('the state is backed up while it changes, and a server goes on from the backup', async () => {
  await using folder = await temporaryState()
  await using pool = await startToolstack({ vms: 2, tls: false, loginDelay: false })
  const [state, to, restored] = ['state', 'backup', 'restored'].map((name) => join(folder.path, name))
  if (!state || !to || !restored) throw new TypeError('Three names')
  const during: string[] = []
  {
    await using server = await testServer(state)
    const { client } = await signUp(server)
    await client.connection.add({ kind: 'xapi', address: pool.url, password: 'nixen' })
    const enough = new AbortController()
    const writing = (async () => {
      for (let n = 0; !enough.signal.aborted; n++)
        during.push((await client.role.create({ name: `role ${n}`, grants: [] })).name)
    })()
    await expect.poll(() => during.length, { timeout: 10_000 }).toBeGreaterThan(3)
    const before = during.length
    const { files, schema } = await backupState(state, to, { now })
    await expect.poll(() => during.length, { timeout: 10_000 }).toBeGreaterThan(before)
    enough.abort()
    await writing
    expect(Object.keys(files)).toEqual(expect.arrayContaining(['db.sqlite', 'keys/master.key']))
    expect(schema).toBeGreaterThan(0)
    expect((await client.audit.verify()).ok).toBe(true)
    await expect(backupState(state, to, { now })).rejects.toMatchObject({ code: 'server.backup_exists' })
  }
  for (const name of await readdir(to, { recursive: true })) {
    expect((await stat(join(to, name))).mode & 0o077).toBe(0)
  }
  await restoreState(to, restored)
  await expect(restoreState(to, restored)).rejects.toMatchObject({ code: 'server.state_exists' })
  expect(await verifyAuditLog(restored)).toMatchObject({ ok: true })
  await using server = await testServer(restored)
  expect(server.setUpUrl).toBeUndefined()
  const { client } = await logIn(server, admin)
  const kept = (await client.role.list()).items.filter(({ builtin }) => !builtin).map(({ name }) => name)
  expect(kept.length).toBeGreaterThan(3)
  expect(during).toEqual(expect.arrayContaining(kept))
  await eventually(async () => (await client.connection.list()).items.find(({ state: is }) => is === 'connected'))
})

test('a backup that is damaged, incomplete, or of a newer Nixen is refused by name, and nothing is made', async () => {
  await using folder = await temporaryState()
  const [state, good] = [join(folder.path, 'state'), join(folder.path, 'good')]
  {
    await using server = await testServer(state)
    await signUp(server)
  }
  await backupState(state, good, { now })
  const damages: readonly [string, string, (path: string) => Promise<unknown>][] = [
    ['db.sqlite (it was changed)', 'backup_damaged', (path) => appendFile(join(path, 'db.sqlite'), 'x')],
    ['master.key (it is missing)', 'backup_damaged', (path) => rm(join(path, 'keys/master.key'))],
    ['nixen-state.json', 'backup_damaged', (path) => rm(join(path, 'nixen-state.json'))],
    ['nixen-state.json', 'backup_damaged', (path) => writeFile(join(path, 'nixen-state.json'), '{}')],
    [
      'schema 99',
      'newer_schema',
      (path) =>
        writeFile(join(path, 'nixen-state.json'), '{"format":"nixen-state-1","schema":99,"created":0,"files":{}}'),
    ],
    [
      'no file of a state',
      'backup_damaged',
      (path) =>
        writeFile(
          join(path, 'nixen-state.json'),
          '{"format":"nixen-state-1","schema":1,"created":0,"files":{"../../etc/passwd":"x"}}',
        ),
    ],
  ]
  for (const [index, [message, code, damage]] of damages.entries()) {
    const copy = join(folder.path, `bad-${index}`)
    await cp(good, copy, { recursive: true })
    await damage(copy)
    const failed = restoreState(copy, join(folder.path, `new-${index}`))
    await expect(failed).rejects.toMatchObject({
      code: `server.${code}`,
      message: expect.stringContaining(message) as string,
    })
    expect(await readdir(folder.path)).not.toContain(`new-${index}`)
  }
})

test('a state whose secrets do not open, or that is elsewhere, is not called backed up', async () => {
  await using folder = await temporaryState()
  await using pool = await startToolstack({ vms: 1, tls: false, loginDelay: false })
  const [state, to] = [join(folder.path, 'state'), join(folder.path, 'backup')]
  {
    await using server = await testServer(state)
    const { client } = await signUp(server)
    await client.connection.add({ kind: 'xapi', address: pool.url, password: 'nixen' })
  }
  const databaseUrl = 'postgres://nixen:sesame@db.example.net/nixen'
  const elsewhere = backupState(state, to, { now, databaseUrl })
  await expect(elsewhere).rejects.toMatchObject({ code: 'server.backup_elsewhere' })
  await expect(elsewhere).rejects.not.toThrow('sesame')
  await expect(backupState(join(folder.path, 'nothing'), to, { now })).rejects.toMatchObject({
    code: 'server.state_unusable',
  })
  await writeFile(join(state, 'keys/master.key'), `00000000 ${Buffer.alloc(32).toString('base64')}\n`)
  await expect(backupState(state, to, { now })).rejects.toMatchObject({ code: 'server.key_missing' })
  const file = new DatabaseSync(join(state, 'db.sqlite'))
  file.close()
  await writeFile(join(state, 'db.sqlite'), 'this is no database, whatever its name says')
  await expect(backupState(state, to, { now })).rejects.toMatchObject({ code: 'server.state_unusable' })
  expect(await readdir(folder.path)).toEqual(['state'])
})
