import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { LocalStorage } from '../../src/storage/local/local-storage.ts'

// A real file system whose calls fail as a broken disk, an NFS server that went away or an SMB share do: strace puts the errors in.

const root = await mkdtemp(path.join(tmpdir(), 'nixen-calls-'))
afterAll(() => rm(root, { recursive: true, force: true }))

interface Outcome {
  save: string
  again: string
  load: string
  listed: number
  exclusive: boolean
  warnings: string[]
}

/** Saves and loads a file while `inject` fails; only calls that touch the repository count. */
async function outcomeOf(name: string, ...inject: readonly string[]): Promise<Outcome & { left: string[] }> {
  const directory = path.join(root, name)
  await new LocalStorage(directory).save({ kind: 'config', name: '' }, [Buffer.from('c')])
  const child = path.join(import.meta.dirname, 'local-child.ts')
  const faults = inject.flatMap((one) => ['-e', `inject=${one}`])
  // Reads also load the program itself: those faults are for one file only.
  const id = hash('sha256', Buffer.alloc(100_000, 7), 'hex')
  const only = name.startsWith('stale') ? ['-P', path.join(directory, 'data', id.slice(0, 2), id)] : []
  const command = ['-f', '-qq', '-o', '/dev/null', ...only, ...faults, process.execPath, child, directory]
  // strace counts calls by thread.
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
  const { stdout } = await promisify(execFile)('strace', command, { env })
  const left = (await readdir(directory, { recursive: true })).filter((file) => file.includes('-tmp-'))
  // The child prints exactly this.
  return Object.assign(JSON.parse(stdout) as Outcome, { left })
}

describe('a local storage', () => {
  test('works without faults', async () => {
    expect(await outcomeOf('none')).toMatchObject({
      save: 'none',
      again: 'storage.exists',
      load: 'none',
      listed: 1,
      exclusive: true,
      left: [],
    })
  })

  test('renames where there are no hard links, and still replaces nothing', async () => {
    for (const error of ['EPERM', 'EOPNOTSUPP']) {
      const outcome = await outcomeOf(`link-${error}`, `link,linkat:error=${error}`)
      expect(outcome).toMatchObject({
        save: 'none',
        again: 'storage.exists',
        load: 'none',
        listed: 1,
        exclusive: false,
        left: [],
      })
    }
  })

  test('gives up at once when a file can not be made durable', async () => {
    const outcome = await outcomeOf('fsync', 'fdatasync:error=EIO')
    expect(outcome).toMatchObject({ save: 'storage.failed', load: 'storage.not_found', listed: 0, left: [] })
    expect(await outcomeOf('fsync-full', 'fdatasync:error=ENOSPC')).toMatchObject({
      save: 'storage.full',
      listed: 0,
      left: [],
    })
  })

  test('says so, once, when directories can not be made durable, and goes on', async () => {
    for (const error of ['EINVAL', 'EOPNOTSUPP']) {
      const { save, load, warnings } = await outcomeOf(`directory-${error}`, `fsync:error=${error}`)
      expect({ save, load }).toEqual({ save: 'none', load: 'none' })
      expect(warnings).toEqual([expect.stringContaining('does not make directories durable')])
    }
  })

  test('fails when a directory that can be made durable is not', async () => {
    expect(await outcomeOf('directory-EIO', 'fsync:error=EIO')).toMatchObject({ save: 'storage.failed' })
  })

  test('opens a file again whose handle went stale, and gives up when it stays so', async () => {
    const once = await outcomeOf('stale', 'openat:error=ESTALE:when=1', 'read,pread64:error=ESTALE:when=1')
    expect(once).toMatchObject({ save: 'none', load: 'none' })
    const always = await outcomeOf('stale-for-good', 'read,pread64:error=ESTALE')
    expect(always).toMatchObject({ save: 'none', load: 'storage.unavailable' })
  })

  test('tells a full disk and a read-only one while it writes', async () => {
    expect(await outcomeOf('full', 'pwrite64:error=ENOSPC')).toMatchObject({
      save: 'storage.full',
      load: 'storage.not_found',
      left: [],
    })
    expect(await outcomeOf('quota', 'pwrite64:error=EDQUOT')).toMatchObject({ save: 'storage.full', left: [] })
    expect(await outcomeOf('broken', 'pwrite64:error=EIO')).toMatchObject({ save: 'storage.failed', left: [] })
  })

  test('says that access is refused when a folder can not be made', async () => {
    expect(await outcomeOf('mkdir', 'mkdir,mkdirat:error=EROFS')).toMatchObject({
      save: 'storage.denied',
      load: 'storage.not_found',
    })
  })
})
