import { chmod, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSocketFolder } from './socket-folder.ts'

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'nixen-sockets-'))))
afterAll(async () => await rm(folder, { recursive: true, force: true }))

test('a new folder lets its group through, and nobody else', async () => {
  const path = join(folder, 'nixen/exports')
  const gid = process.getgid?.() ?? 0
  expect(await openSocketFolder(path, String(gid))).toEqual({ path, group: gid })
  expect(await stat(path)).toMatchObject({ mode: 0o40710, gid })
  // One that is there stays as it is.
  await chmod(path, 0o750)
  await openSocketFolder(path, String(gid))
  expect((await stat(path)).mode).toBe(0o40750)
})

test('without a group it is for the user of Nixen alone', async () => {
  const path = join(folder, 'alone')
  expect(await openSocketFolder(path, '')).toEqual({ path, group: undefined })
  expect((await stat(path)).mode).toBe(0o40700)
})

test('a group that is not there is said', async () => {
  await expect(openSocketFolder(join(folder, 'x'), 'no-such-group')).rejects.toMatchObject({
    code: 'server.socket_folder',
    message: expect.stringContaining('no-such-group'),
  })
})
