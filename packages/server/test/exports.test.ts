import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openNbd } from '@nixen/disk'
import type { Point } from '@nixen/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { image, proveWorld, type ProveWorld } from './prove-world.ts'
import { eventually, logIn, admin, testServer } from './rig.ts'

const run = promisify(execFile)
let world: ProveWorld
let point: Point
let sockets: string

beforeAll(async () => {
  sockets = await mkdtemp(join(tmpdir(), 'nixen-ex-'))
  const group = String(process.getgid?.() ?? 0)
  const flags = { 'exports.socket_folder': join(sockets, 'x'), 'exports.socket_group': group }
  world = await proveWorld({}, { flags })
  point = await world.backUp()
}, 120_000)
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await rm(sockets, { recursive: true, force: true })
})

const raw = (): string => join(world.work, 'disk.raw')

describe('a restore point that is given away', { timeout: 240_000 }, () => {
  test('is read by other programs over a socket, and takes no writes', async () => {
    const { client } = world.tab
    const made = await client.point.export({ id: point.id })
    const { export: given, credentials } = made
    expect(credentials).toBeUndefined()
    expect(given).toMatchObject({ vm: 'web-prod-001', state: 'serving', over: 'unix', writable: false, by: 'ada' })
    const [disk] = given.disks
    expect(disk?.size).toBe(image().length)
    // Its group may open it.
    expect((await stat(join(sockets, 'x', given.id))).mode).toBe(0o140660)
    const { stdout } = await run('nbdinfo', ['--json', disk?.url ?? ''])
    expect(JSON.parse(stdout)).toMatchObject({ exports: [{ 'export-size': image().length, is_read_only: true }] })
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', raw(), disk?.url ?? ''])
    expect((await client.export.list()).items.map(({ id }) => id)).toEqual([given.id])
    await client.export.remove({ id: given.id })
    expect((await client.export.list()).items).toEqual([])
    await expect(run('nbdinfo', ['--size', disk?.url ?? ''])).rejects.toThrow('nbd_connect')
    expect(await readdir(join(world.state, 'exports'))).toEqual([])
    await expect(client.export.get({ id: given.id })).rejects.toMatchObject({ code: 'export.not_found' })
  })

  test('takes writes beside it over TLS, lets in who has the certificate alone, and goes on after a restart', async () => {
    const { client } = world.tab
    const { export: given, credentials } = await client.point.export({ id: point.id, over: 'tls', writable: true })
    const url = given.disks[0]?.url ?? ''
    expect(url).toMatch(/^nbds:\/\/127\.0\.0\.1:\d+\//)
    const folder = join(world.work, 'certificates')
    await mkdir(folder)
    await writeFile(join(folder, 'ca-cert.pem'), credentials?.ca ?? '')
    // Without a certificate of its own.
    await expect(run('nbdinfo', ['--size', `${url}?tls-certificates=${folder}`])).rejects.toThrow('nbd')
    await expect(run('nbdinfo', ['--size', url.replace('nbds', 'nbd')])).rejects.toThrow('nbd')
    await writeFile(join(folder, 'client-cert.pem'), credentials?.certificate ?? '')
    await writeFile(join(folder, 'client-key.pem'), credentials?.key ?? '')
    const uri = `${url}?tls-certificates=${folder}`
    const other = Buffer.from(image()).fill('other', 1_000_000, 1_500_000)
    await writeFile(join(world.work, 'other.raw'), other)
    await run('nbdcopy', ['--flush', join(world.work, 'other.raw'), uri])

    const state = world.server
    await state[Symbol.asyncDispose]()
    await using server = await testServer(world.state)
    const tab = await logIn(server, admin)
    const again = await eventually(async () => {
      const found = await tab.client.export.get({ id: given.id })
      return found.state === 'serving' ? found : undefined
    }, 20_000)
    expect(again.disks[0]?.url).toBe(url)
    expect(again.disks[0]?.overlay).toBeGreaterThan(500_000)
    await run('nbdcopy', [uri, join(world.work, 'read.raw')])
    await run('cmp', [join(world.work, 'other.raw'), join(world.work, 'read.raw')])
    // The restore point is what it was.
    const { export: fresh } = await tab.client.point.export({ id: point.id })
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', raw(), fresh.disks[0]?.url ?? ''])
    for (const { id } of [given, fresh]) await tab.client.export.remove({ id: id })
  })
})

test('reads at any place give what is there, while another client reads from front to back', async () => {
  await using server = await testServer(world.state)
  const tab = await logIn(server, admin)
  const { export: given } = await tab.client.point.export({ id: point.id })
  const url = new URL(given.disks[0]?.url ?? '')
  const socketPath = url.searchParams.get('socket') ?? ''
  await using disk = await openNbd({ socketPath, exportName: given.disks[0]?.name ?? '' })
  const bytes = image()
  const copying = run('nbdcopy', [url.href, 'null:'])
  for (let at = 0; at < 50; at++) {
    const offset = (at * 7919 * 4096) % (bytes.length - 4096)
    const into = new Uint8Array(4096)
    await disk.read(offset, into)
    expect(Buffer.compare(Buffer.from(into), bytes.subarray(offset, offset + 4096))).toBe(0)
  }
  await copying
})
