import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fingerprint, XoWriter } from '../../backup/test/xo-writer.ts'
import { runNixen, type Result } from './run-nixen.ts'

const key = '0123456789abcdef0123456789abcdef'
let folder = ''
let xo: XoWriter

const nixen = (...args: readonly string[]): Promise<Result> =>
  runNixen(args, { cwd: folder, env: { NIXEN_REPO: 'repo', NIXEN_REPO_PASSWORD: 'correct horse', NIXEN_XO_KEY: key } })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-import-'))
  xo = new XoWriter({ root: join(folder, 'xo'), cipher: 'chacha20-poly1305', key, compression: 'brotli' })
  await xo.init()
  const bytes = Buffer.alloc(6 * 1024 * 1024, 'a disk ')
  await xo.delta(bytes)
  bytes.fill('changed', 3_000_000, 3_100_000)
  await xo.delta(bytes)
  await writeFile(join(folder, 'expected.raw'), bytes)
})
afterAll(async () => await rm(folder, { recursive: true, force: true }))

test('backups of Xen Orchestra are planned, converted once, and restored', { timeout: 120_000 }, async () => {
  const before = await fingerprint(join(folder, 'xo'))
  await nixen('repo', 'init')
  expect((await nixen('import', 'xo', 'plan', 'xo')).stdout).toContain('2 backups to convert, 0 converted before')
  const applied = await nixen('import', 'xo', 'apply', 'xo', '--json')
  expect(applied.code).toBe(0)
  expect(JSON.parse(applied.stdout)).toMatchObject({ converted: [{ name: 'web-01' }, {}], present: 0, problems: [] })
  expect((await nixen('import', 'xo', 'apply', 'xo')).stdout).toContain('0 restore points made, 2 were there already')
  await nixen('repo', 'restore', 'latest', 'out.raw')
  expect((await readFile(join(folder, 'out.raw'))).equals(await readFile(join(folder, 'expected.raw')))).toBe(true)
  expect(await fingerprint(join(folder, 'xo'))).toBe(before)
})

test('a disk is restored from there directly', { timeout: 120_000 }, async () => {
  const { stdout } = await nixen('import', 'xo', 'restore', 'xo', '20260102T023000Z.json', 'direct.raw')
  expect(stdout).toContain('direct.raw: 6 MiB')
  expect((await readFile(join(folder, 'direct.raw'))).equals(await readFile(join(folder, 'expected.raw')))).toBe(true)
  const { code, stderr } = await nixen('import', 'xo', 'restore', 'xo', 'none.json', 'none.raw')
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('none.json is not there') as string,
  })
})

test('a configuration is told as a plan', { timeout: 120_000 }, async () => {
  await writeFile(
    join(folder, 'config.json'),
    JSON.stringify({ users: [{ email: 'ada@example.org', permission: 'none' }] }),
  )
  expect((await nixen('import', 'xo', 'config', '--file', 'config.json')).stdout).toContain('user ada@example.org')
  expect((await nixen('import', 'xo', 'config', '--file', 'none.json')).stderr).toContain('none.json')
})
