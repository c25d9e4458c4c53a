import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { PointId } from '@nixen/api'
import { backupDisks, openStorage, Repository } from '@nixen/backup'
import { silentLog } from '@nixen/core'
import { openDisk } from '@nixen/disk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readFiles } from '../src/worker/files/files-process.ts'
import type { Server } from '../src/index.ts'
import { eventually, signUp, temporaryState, testServer, type Browser } from './rig.ts'

const run = promisify(execFile)
const MiB = 1024 * 1024
const password = 'a password of the repository'
const state = await temporaryState()
const work = await temporaryState()
let server: Server
let tab: Browser
let point: PointId
const big = Buffer.alloc(3 * MiB + 5, 'some text that compresses ')

/** A disk of two partitions: swap, and ext4 with files; a second one without partitions: FAT. */
beforeAll(async () => {
  const tree = join(work.path, 'tree')
  await mkdir(join(tree, 'etc/ssh'), { recursive: true })
  await writeFile(join(tree, 'etc/fstab'), '/dev/xvda2 / ext4 defaults 0 1\n', { mode: 0o640 })
  await writeFile(join(tree, 'etc/ssh/sshd_config'), 'Port 22\n')
  await writeFile(join(tree, 'big.bin'), big)
  await symlink('etc/fstab', join(tree, 'link'))
  const system = join(work.path, 'system.raw')
  await empty(system, 40 * MiB)
  const script = 'label: gpt\nstart=2048,size=4096,type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F\nstart=8192,size=65536\n'
  await tool('sh', '-c', `printf '%s' "${script}" | sfdisk -q "${system}"`)
  const part = join(work.path, 'part.raw')
  await empty(part, 32 * MiB)
  await tool('mke2fs', '-q', '-t', 'ext4', '-L', 'root', '-d', tree, part)
  const file = await open(system, 'r+')
  await file.write(await readFile(part), 0, 32 * MiB, 8192 * 512)
  await file.close()
  const data = join(work.path, 'data.raw')
  await empty(data, 8 * MiB)
  await tool('mkfs.vfat', '-n', 'DATA', data)
  await tool('mcopy', '-i', data, join(tree, 'etc/fstab'), '::fstab.txt')

  const location = join(work.path, 'repository')
  await mkdir(location)
  await backUp(location, { system, data })
  server = await testServer(state.path)
  tab = await signUp(server)
  await tab.client.repository.create({ name: 'NAS', location, password, mode: 'existing' })
  const found = await eventually(async () => (await tab.client.point.list({})).items[0], 60_000)
  point = found.id
}, 120_000)
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
  await work[Symbol.asyncDispose]()
})

async function empty(path: string, size: number): Promise<void> {
  await writeFile(path, '')
  await truncate(path, size)
}

async function tool(command: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
  return (await run(command, args, { env })).stdout
}

async function backUp(location: string, { system, data }: { system: string; data: string }): Promise<void> {
  await using storage = await openStorage(location, { log: silentLog })
  const repository = await Repository.init(storage, { password })
  const [first, second] = [await openDisk(system, { format: 'raw' }), await openDisk(data, { format: 'raw' })]
  await backupDisks(repository, {
    host: 'web-01',
    vm: { name: 'web-01' },
    disks: [
      { name: 'system', source: first },
      { name: 'data', source: second },
    ],
    workers: 1,
  })
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
}

async function saved(request: Parameters<Browser['client']['file']['get']>[0], name: string): Promise<string> {
  const parts: Uint8Array[] = []
  const download = await tab.client.file.get(request)
  for await (const part of download.bytes()) parts.push(part)
  const path = join(work.path, name)
  await writeFile(path, Buffer.concat(parts))
  return path
}

// Processes are started, on machines that do other things too.
describe('files of a restore point', { timeout: 120_000 }, () => {
  test('partitions and file systems are listed, and what they hold', async () => {
    const { items } = await tab.client.file.volumes({ point })
    const told = items.map(({ volume, holds, label, readable }) => [volume, holds, label, readable])
    expect(told).toEqual([
      ['data', 'FAT12', 'DATA', true],
      ['system/1', 'nothing', '', false],
      ['system/2', 'ext4', 'root', true],
    ])
  })

  test('a directory is listed, directories first, with modes and targets', async () => {
    const { items, volume } = await tab.client.file.list({ point, volume: 'system/2', path: '/' })
    expect(volume).toBe('system/2')
    expect(items.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'etc directory',
      'lost+found directory',
      'big.bin file',
      'link link',
    ])
    expect(items.find(({ name }) => name === 'link')?.target).toBe('etc/fstab')
    const { items: etc } = await tab.client.file.list({ point, volume: 'system/2', path: '/etc/fstab' })
    expect(etc).toMatchObject([{ path: '/etc/fstab', mode: '0640', size: 31 }])
  })

  test('files are found by a part of their name or a pattern', async () => {
    const { items } = await tab.client.file.search({ point, volume: 'system/2', name: '*_CONFIG' })
    expect(items.map(({ path }) => path)).toEqual(['/etc/ssh/sshd_config'])
  })

  test('one file is downloaded as it is', async () => {
    const path = await saved({ point, volume: 'system/2', paths: ['/big.bin'] }, 'big.bin')
    const sum = createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
    expect(sum).toBe(createHash('sha256').update(big).digest('hex'))
  })

  test('a directory is downloaded as a zip or tar that others open', async () => {
    const zip = await saved({ point, volume: 'system/2', paths: ['/etc', '/link'] }, 'etc.zip')
    expect(await tool('unzip', '-p', zip, 'etc/ssh/sshd_config')).toBe('Port 22\n')
    const tar = await saved({ point, volume: 'system/2', paths: ['/etc', '/link'], format: 'tar' }, 'etc.tar')
    const listed = await tool('tar', '-tvf', tar)
    expect(listed).toMatch(/-rw-r-----.*etc\/fstab/)
    expect(listed).toMatch(/link -> etc\/fstab/)
  })

  test.each([
    ['a path that is not there', { volume: 'system/2', path: '/nowhere' }, 'There is no "/nowhere" on system/2.'],
    ['no volume where there are several', { path: '/' }, 'There are: data, system/2.'],
    ['a volume that is not there', { volume: 'vg/root', path: '/' }, 'There is no volume "vg/root".'],
    ['a volume that cannot be read', { volume: 'system/1', path: '/' }, 'system, partition 1: nothing cannot be read'],
  ])('%s is told in a sentence', async (_name, where, sentence) => {
    await expect(tab.client.file.list({ point, ...where })).rejects.toThrow(sentence)
  })

  test('a restore point that is not there is not there', async () => {
    // As its form demands.
    const other = `${point.split('.')[0]}.${'0'.repeat(64)}` as PointId
    await expect(tab.client.file.list({ point: other })).rejects.toThrow('There is no restore point')
  })
})

describe('the process that reads file systems', { timeout: 60_000 }, () => {
  const disk = (read: (offset: number, into: Uint8Array) => Promise<void>) => ({
    name: 'disk',
    source: { size: 64 * MiB, read, extents: async function* () {}, [Symbol.asyncDispose]: () => Promise.resolve() },
  })

  /** The process that reads, as the system shows it. */
  async function reader(): Promise<{ pid: number; status: string; command: string } | undefined> {
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      const isOurs = status.includes(`PPid:\t${process.pid}\n`) && command.includes('worker/files/main')
      if (isOurs) return { pid: Number(pid), status, command }
    }
    return undefined
  }

  test('has no rights of root', async () => {
    let found: Awaited<ReturnType<typeof reader>>
    const looks = disk(async () => void (found = await reader()))
    await readFiles({ do: 'volumes' }, { disks: [looks], signal: new AbortController().signal })
    const uid = process.getuid?.() === 0 ? 65_534 : process.getuid?.()
    expect(found?.status).toContain(`Uid:\t${uid}\t${uid}\t${uid}\t${uid}\n`)
    expect(found?.command).toContain('--permission')
  })

  test('may crash: that is a sentence about the disk, and nothing else is harmed', async () => {
    const kills = disk(async () => {
      process.kill((await reader())?.pid ?? Number.NaN, 'SIGKILL')
      await new Promise(() => undefined)
    })
    const asked = readFiles({ do: 'volumes' }, { disks: [kills], signal: new AbortController().signal })
    await expect(asked).rejects.toThrow('disk is damaged: it made the reading process end (SIGKILL)')
  })

  test('is ended when it hangs, and the error is a sentence about the disk', async () => {
    // Bytes that never come.
    const hangs = disk(async () => await new Promise(() => undefined))
    const asked = readFiles(
      { do: 'volumes' },
      { disks: [hangs], signal: new AbortController().signal, limits: { longest: 500 } },
    )
    await expect(asked).rejects.toThrow('The file system on disk is damaged: reading it takes too long.')
  })

  test('is ended when it takes too much memory', async () => {
    const slow = disk(async () => await new Promise(() => undefined))
    const asked = readFiles(
      { do: 'volumes' },
      { disks: [slow], signal: new AbortController().signal, limits: { memory: MiB } },
    )
    await expect(asked).rejects.toThrow('too much memory')
  })

  test('passes on what the repository says', async () => {
    const broken = disk(() => Promise.reject(new Error('the pack is gone')))
    const { volumes } = await readFiles({ do: 'volumes' }, { disks: [broken], signal: new AbortController().signal })
    expect(volumes).toMatchObject([{ id: 'disk', readable: false, notes: ['the pack is gone'] }])
  })

  test('ends when nobody wants its answer any more', async () => {
    const stop = new AbortController()
    const asked = readFiles(
      { do: 'volumes' },
      { disks: [disk(() => new Promise(() => undefined))], signal: stop.signal },
    )
    stop.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
  })
})
