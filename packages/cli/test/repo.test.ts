import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { main, runNixen, type Result } from './run-nixen.ts'

// The main job on real input, by the command alone, with restic as the judge.

const run = promisify(execFile)
const password = 'correct horse'
const size = 48 * 1024 * 1024
let folder: string

const nixen = (...args: readonly string[]): Promise<Result> =>
  runNixen(['repo', ...args], { cwd: folder, env: { NIXEN_REPO: 'repo', NIXEN_REPO_PASSWORD: password } })

const restic = (...args: readonly string[]) =>
  run('restic', ['-r', 'repo', '--no-cache', ...args], {
    cwd: folder,
    env: { ...process.env, RESTIC_PASSWORD: password },
  })

async function hash(path: string): Promise<string> {
  const sum = createHash('sha256')
  for await (const part of createReadStream(join(folder, path))) sum.update(part as Buffer)
  return sum.digest('hex')
}

/** Puts fresh bytes into a raw disk. */
async function scribble(path: string, offset: number, length: number): Promise<void> {
  const file = await open(join(folder, path), 'r+')
  await file.write(randomBytes(length), 0, length, offset)
  await file.close()
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-cli-repo-'))
  const file = await open(join(folder, 'web.img'), 'w')
  await file.truncate(size)
  await file.close()
  await scribble('web.img', 5_000_000, 9_000_000)
  await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', 'web.img', 'web.qcow2'], { cwd: folder })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the main job', () => {
  test('makes a repository, and says what losing the password means', async () => {
    const { code, stdout } = await nixen('init')
    expect(code).toBe(0)
    expect(stdout).toContain('Keep the password')
  })

  test('restic checks and restores what was backed up from a qcow2, as a raw file named after it', async () => {
    const { code, stdout } = await nixen('backup', 'web.qcow2', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ disks: [{ file: 'web.raw', size, mode: 'full' }] })
    expect((await restic('check', '--read-data')).stdout).toContain('no errors were found')
    await restic('restore', 'latest', '--target', 'out')
    expect(await hash('out/web.raw')).toBe(await hash('web.img'))
    expect(JSON.parse(await readFile(join(folder, 'out/vm.json'), 'utf8'))).toMatchObject({
      disks: [{ file: '/web.raw', virtualSize: size, source: { path: join(folder, 'web.qcow2'), format: 'qcow2' } }],
    })
  })

  test('a second backup stores only what changed', async () => {
    await scribble('web.img', 6_000_000, 70_000)
    const { stdout } = await nixen('backup', 'web.img', '--tag', 'second', '--json')
    const { newBytes } = JSON.parse(stdout) as { newBytes: number }
    expect(newBytes).toBeGreaterThan(0)
    expect(newBytes).toBeLessThanOrEqual(2 * 1024 * 1024)
  })

  test.each(['raw', 'vhd', 'qcow2'])('restores a disk as %s, the same for qemu-img', async (format) => {
    expect(await nixen('restore', 'latest', `back.${format}`)).toMatchObject({ code: 0 })
    const name = format === 'vhd' ? 'vpc' : format
    const { stdout } = await run('qemu-img', ['compare', '-f', 'raw', '-F', name, 'web.img', `back.${format}`], {
      cwd: folder,
    })
    expect(stdout).toContain('Images are identical.')
  })

  test('lists what there is', async () => {
    const { stdout } = await nixen('snapshots', '--tag', 'second')
    expect(stdout).toMatch(/^ID .*\n[0-9a-f]{8} .*second\n1 restore point \(of 2\)\n$/)
    expect((await nixen('ls', 'latest')).stdout).toMatch(/48 MiB .* \/web\.raw/)
    expect(JSON.parse((await nixen('info', '--json')).stdout)).toMatchObject({
      version: 2,
      restorePoints: 2,
      locks: [],
    })
  })
})

test('latest is the newest of all, or of a host', async () => {
  const here = (...args: readonly string[]): Promise<Result> => nixen(...args, '--repo', 'hosts')
  await here('init')
  await here('backup', 'web.img', '--host', 'one', '--tag', 'first')
  await here('backup', 'web.img', '--host', 'other')
  const hostOf = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await here('ls', 'latest', '--json', ...args)
    return (JSON.parse(stdout) as { snapshot: { hostname: string } }).snapshot.hostname
  }
  expect(await hostOf()).toBe('other')
  expect(await hostOf('--host', 'one')).toBe('one')
  expect(await hostOf('--tag', 'first')).toBe('one')
  expect((await here('ls', 'latest', '--host', 'nobody')).stderr).toContain('[cli.no_latest]')
})

test('forget says why each restore point stays or goes, and prune frees what they held', async () => {
  await nixen('backup', 'web.img')
  const preview = await nixen('forget', '--keep-last', '1', '--dry-run')
  expect(preview.stdout).toContain('last 1 of 1')
  expect(JSON.parse((await nixen('snapshots', '--json')).stdout)).toHaveLength(3)
  const done = await nixen('forget', '--keep-last', '1', '--prune', '--json')
  expect(JSON.parse(done.stdout)).toMatchObject({ dryRun: false, forget: [{}], pruned: { freed: expect.any(Number) } })
  expect((await restic('check', '--read-data')).stdout).toContain('no errors were found')
})

test('check finds one flipped bit, names the file and what is lost, and exits with 3', async () => {
  await nixen('init', '--repo', 'broken')
  await nixen('backup', '--repo', 'broken', 'web.img')
  const packs = (await readdir(join(folder, 'broken/data'), { recursive: true })).filter((name) => name.length > 60)
  const sizes = await Promise.all(packs.map(async (name) => (await readFile(join(folder, 'broken/data', name))).length))
  const pack = packs[sizes.indexOf(Math.max(...sizes))]!
  const path = join(folder, 'broken/data', pack)
  const bytes = await readFile(path)
  bytes[40_000]! ^= 4
  await rm(path)
  await writeFile(path, bytes)
  const { code, stdout } = await nixen('check', '--repo', 'broken', '--read-data')
  expect(code).toBe(3)
  expect(stdout).toContain(pack.slice(3))
  expect(stdout).toMatch(/loses .* of \/web\.raw/)
  const stopped = await nixen('restore', '--repo', 'broken', 'latest', 'broken.img')
  expect(stopped.code).toBe(1)
  expect(stopped.stderr).toContain('[backup.restore_damaged]')
  const forced = await nixen('restore', '--repo', 'broken', 'latest', 'broken.img', '--go-on')
  expect(forced.code).toBe(3)
  expect(forced.stdout).toContain('These ranges are lost and read as zeros:')
})

describe('a second repository', () => {
  const other = { NIXEN_REPO_TARGET_PASSWORD: 'another password' }

  test('gets only what it lacks, and the same restore points', async () => {
    const made = await runNixen(['repo', 'init', '--repo', 'mirror'], {
      cwd: folder,
      env: { NIXEN_REPO_PASSWORD: 'another password' },
    })
    expect(made.code).toBe(0)
    const copy = (): Promise<Result> =>
      runNixen(['repo', 'copy', 'mirror', '--json'], {
        cwd: folder,
        env: { NIXEN_REPO: 'repo', NIXEN_REPO_PASSWORD: password, ...other },
      })
    const { copied, present } = JSON.parse((await copy()).stdout) as { copied: unknown[]; present: unknown[] }
    expect(copied.length).toBeGreaterThan(0)
    expect(present).toEqual([])
    const again = JSON.parse((await copy()).stdout) as { present: unknown[] }
    expect(again).toMatchObject({ copied: [], bytes: 0 })
    expect(again.present).toHaveLength(copied.length)
    await run('restic', ['-r', 'mirror', '--no-cache', 'restore', 'latest', '--target', 'mirrored'], {
      cwd: folder,
      env: { ...process.env, RESTIC_PASSWORD: 'another password' },
    })
    expect(await hash('mirrored/web.raw')).toBe(await hash('web.img'))
  })
})

test('stats says what takes how much room', async () => {
  const { stdout } = await nixen('stats')
  expect(stdout).toMatch(/^HOST +POINTS +RESTORE SIZE/)
  expect(stdout).toMatch(/deduplication \d+\.\d\dx/)
})

test('repair makes a lost index anew', async () => {
  await nixen('init', '--repo', 'lost')
  await nixen('backup', '--repo', 'lost', 'web.img')
  await rm(join(folder, 'lost/index'), { recursive: true })
  await mkdir(join(folder, 'lost/index'))
  expect(await nixen('check', '--repo', 'lost')).toMatchObject({ code: 3 })
  expect(await nixen('rebuild-index', '--repo', 'lost')).toMatchObject({ code: 0 })
  expect(await nixen('check', '--repo', 'lost', '--read-data')).toMatchObject({ code: 0 })
})

test('serve shows a disk of a restore point over NBD, and prune waits outside', async () => {
  const socket = join(folder, 'point.sock')
  const child = spawn(process.execPath, [main, 'repo', 'serve', 'latest', '--socket', socket], {
    cwd: folder,
    env: { ...process.env, NIXEN_REPO: 'repo', NIXEN_REPO_PASSWORD: password },
  })
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
  await new Promise((resolve) => child.stdout.once('data', resolve))
  const { stdout } = await run(
    'qemu-img',
    ['compare', '-f', 'raw', '-F', 'raw', 'web.img', `nbd+unix:///?socket=${socket}`],
    { cwd: folder },
  )
  expect(stdout).toContain('Images are identical.')
  expect((await nixen('prune')).stderr).toContain('[backup.repository_locked]')
  child.kill('SIGINT')
  expect(await ended).toBe(0)
  expect(await nixen('prune')).toMatchObject({ code: 0 })
})

describe('keys', () => {
  test('a password can be added, used, and removed again', async () => {
    const file = join(folder, 'new-password')
    await writeFile(file, 'second password\n')
    expect(await nixen('key', 'add', '--new-password-file', file)).toMatchObject({ code: 0 })
    const list = await nixen('key', 'list', '--password-file', file, '--json')
    expect(JSON.parse(list.stdout)).toHaveLength(2)
    const [, added] =
      (await nixen('key', 'list', '--password-file', file)).stdout.match(/([0-9a-f]{8}) \(yours\)/) ?? []
    expect(await nixen('key', 'remove', added!)).toMatchObject({ code: 0 })
    const { code, stderr } = await nixen('snapshots', '--password-file', file)
    expect(code).toBe(1)
    expect(stderr).toContain('[backup.wrong_password]')
  })
})

describe('wrong use', () => {
  const bare = (args: readonly string[], env: Record<string, string> = {}): Promise<Result> =>
    runNixen(['repo', ...args], { cwd: folder, env: { NIXEN_REPO: '', NIXEN_REPO_PASSWORD: password, ...env } })

  test.each([
    [['snapshots'], {}, 'cli.no_repository'],
    [['snapshots', '--repo', 'nowhere'], {}, 'backup.not_a_repository'],
    [['snapshots', '--repo', 'ftp://x'], {}, 'storage.bad_url'],
    [['snapshots', '--repo', 'repo'], { NIXEN_REPO_PASSWORD: '' }, 'cli.empty_password'],
    [['snapshots', '--repo', 'repo', '--password-file', 'none'], {}, 'cli.cannot_read'],
    [['init', '--repo', 'repo'], {}, 'backup.repository_exists'],
    [['forget', '--repo', 'repo'], {}, 'cli.no_policy'],
    [['restore', '--repo', 'repo', 'abcdef', 'x.img'], {}, 'backup.snapshot_not_found'],
    [['restore', '--repo', 'repo', 'latest', 'x.img', '--disk', 'db.raw'], {}, 'cli.no_disk'],
    [['backup', '--repo', 'repo', 'web.img', 'web.qcow2'], {}, 'cli.same_name'],
    [['backup', '--repo', 'repo', 'none.img'], {}, 'disk.not_found'],
    [['key', 'remove', '--repo', 'repo', 'nokey'], {}, 'cli.which_key'],
    [['key', 'remove', '--repo', 'repo', ''], {}, 'cli.which_key'],
  ])('%j is refused (%s %s)', async (args, env, code) => {
    const result = await bare(args, env)
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toContain(`[${code}]`)
    expect(result.stderr.trim().split('\n')).toHaveLength(1)
  })
})

test('a repository of version 1, which is only read, is restored from', async () => {
  const env = { ...process.env, RESTIC_PASSWORD: password }
  await run('restic', ['-r', 'old', '--no-cache', 'init', '--repository-version', '1'], { cwd: folder, env })
  await run('cp', ['web.img', 'web.raw'], { cwd: folder })
  await run('restic', ['-r', 'old', '--no-cache', 'backup', 'web.raw'], { cwd: folder, env })
  expect(await nixen('restore', '--repo', 'old', 'latest', 'old.img')).toMatchObject({ code: 0, stderr: '' })
  expect(await hash('old.img')).toBe(await hash('web.img'))
})

test('all disks of a restore point are named after the format that they get', async () => {
  await nixen('backup', 'web.img', '--host', 'named')
  expect(await nixen('restore', 'latest', 'all', '--all', '--to', 'qcow2')).toMatchObject({ code: 0 })
  expect(await readdir(join(folder, 'all'))).toEqual(['web.qcow2'])
})

test('what a parser refuses is said in a sentence, without a stack trace', async () => {
  const { code, stderr } = await nixen('forget', '--keep-within', 'soon')
  expect(code).toBe(2)
  expect(stderr).toBe('nixen: "soon" is not a duration. Write it like 1y5m7d2h.\n')
  expect(await nixen('ls')).toMatchObject({ code: 2, stderr: 'Expected argument for SNAPSHOT\n' })
})

describe('a password from a terminal', () => {
  // `script` gives the command a terminal; the environment must not answer for it.
  const { NIXEN_REPO_PASSWORD: _unset, ...bare } = process.env
  const typed = (text: string, args: string): Promise<Result> =>
    new Promise((resolve) => {
      const command = `${process.execPath} ${main} repo ${args}`
      const child = execFile(
        'script',
        ['-qec', command, '/dev/null'],
        { cwd: folder, env: bare },
        (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
      )
      // Before the question, Ctrl-C would be the terminal's own and not a key that is read.
      child.stdout?.once('data', () => child.stdin?.write(text))
    })

  test('may come in one go for both questions', async () => {
    expect(await typed('secret\nsecret\n', 'init --repo asked')).toMatchObject({ code: 0 })
    expect(await typed('secret\n', 'snapshots --repo asked')).toMatchObject({ code: 0 })
    const differs = await typed('one\ntwo\n', 'init --repo asked-too')
    expect(differs.stdout).toContain('[cli.passwords_differ]')
  })

  test('is given up by Ctrl-C, as any other command is', async () => {
    const { code, stdout } = await typed('\u0003', 'snapshots --repo asked')
    expect(code).toBe(130)
    expect(stdout).not.toContain('ABORT_ERR')
  })
})
