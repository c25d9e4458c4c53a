import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MiB, silentLog } from '@nixen/core'
import { formatNamed, openNbd, serveNbd, type DiskSource, type NbdServer } from '@nixen/disk'
import { restic } from '@nixen/testkit/restic'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Allowance } from './allowance.ts'
import type { RepositoryAccess } from './descriptors.ts'
import type { BackupInput } from './operations/backup.ts'
import type { WorkerProgress } from './operations/operation.ts'
import { WorkerPool, type Place } from './worker-pool.ts'

const password = 'correct horse'
/** Backups of which the worker is killed, the first at certain moments. */
const moments = 3
const rounds = process.env['NIXEN_LONG_TESTS'] ? 200 : moments
let folder = ''
let pool: WorkerPool
beforeAll(() => {
  pool = new WorkerPool({ log: silentLog })
})
afterAll(async () => await pool[Symbol.asyncDispose](), 120_000)
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-worker-'))
})
afterEach(async () => await rm(folder, { recursive: true, force: true }))

function place(location = join(folder, 'repository')): Place {
  const access: RepositoryAccess = { location, password, cacheFile: join(folder, 'cache') }
  return { key: location, name: 'nas', access }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A disk of 12 MiB: random, text, zeros. */
async function diskFile(name = 'disk.raw'): Promise<{ path: string; bytes: Buffer }> {
  const bytes = Buffer.concat([randomBytes(4 * MiB), Buffer.alloc(4 * MiB, 'some text '), Buffer.alloc(4 * MiB)])
  const path = join(folder, name)
  await writeFile(path, bytes)
  return { path, bytes }
}

/** A disk in memory that can change. */
function memoryDisk(bytes: Buffer): DiskSource {
  return {
    size: bytes.length,
    async *extents() {
      yield { offset: 0, length: bytes.length, kind: 'data' }
    },
    read: (offset, into) => Promise.resolve(into.set(bytes.subarray(offset, offset + into.length))),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** The disk as an NBD export on a unix socket. */
async function exported(bytes: Buffer): Promise<{ server: NbdServer; socketPath: string }> {
  const socketPath = join(folder, `${randomBytes(4).toString('hex')}.sock`)
  const server = await serveNbd({ exports: [{ name: 'root', source: memoryDisk(bytes) }], listen: { socketPath } })
  return { server, socketPath }
}

function request(disks: BackupInput['disks'], more: Partial<BackupInput> = {}): BackupInput {
  return { name: 'web-01', path: '/vm/l1', vm: { name: 'web-01' }, disks, threads: 2, ...more }
}

// Many processes are started, on machines that do other things too.
describe('a worker', { timeout: 120_000 }, () => {
  test('backs up over NBD, takes changes alone the next time, and restic reads both', async () => {
    const at = place()
    const { id } = await pool.run('create', at, {})
    expect(await pool.run('inspect', at, {})).toMatchObject({ id, version: 2 })
    const { bytes } = await diskFile()
    const { server, socketPath } = await exported(bytes)
    await using _server = server
    const source = { kind: 'nbd', address: { socketPath }, exportName: 'root' } as const
    const told: WorkerProgress[] = []
    const first = await pool.run(
      'backup',
      at,
      request([{ name: 'root', source }], {
        tags: ['prod'],
        facts: { uuid: 'u-1', ips: ['10.0.0.5'], job: 'nightly' },
      }),
      { progress: (progress) => void told.push(progress) },
    )
    expect(first.point).toMatchObject({
      name: 'web-01',
      tags: ['prod'],
      facts: { uuid: 'u-1', ips: ['10.0.0.5'], job: 'nightly', size: bytes.length, disks: 1 },
    })
    expect(first.disks).toMatchObject([{ name: 'root', file: '/disk-root.raw', mode: 'full' }])
    expect(told.at(-1)).toMatchObject({ phase: 'read', unit: 'bytes' })
    expect(told.at(-1)?.bytesRead).toBeGreaterThanOrEqual(8 * MiB)

    const changed = randomBytes(64 * 1024)
    changed.copy(bytes, 9 * MiB)
    const extents = [{ offset: 9 * MiB, length: changed.length, kind: 'data' }] as const
    const second = await pool.run(
      'backup',
      at,
      request([{ name: 'root', source, changed: { parent: first.point.snapshot, extents } }]),
    )
    expect(second.disks).toMatchObject([{ mode: 'changes', readBytes: MiB }])
    expect(second.point.parent).toBe(first.point.snapshot)

    const list = await restic(at.access.location, ['snapshots', '--json'], { password })
    expect(JSON.parse(list.stdout)).toHaveLength(2)
    const target = join(folder, 'restored')
    expect((await restic(at.access.location, ['restore', 'latest', '--target', target], { password })).code).toBe(0)
    expect((await readFile(join(target, 'disk-root.raw'))).equals(bytes)).toBe(true)
    expect((await restic(at.access.location, ['check', '--read-data'], { password })).code).toBe(0)

    const same = { source, snapshot: second.point.snapshot, path: '/disk-root.raw' }
    expect(await pool.run('compare', at, same)).toEqual({ comparedBytes: bytes.length, differences: [] })
    expect(await pool.run('compare', at, { ...same, snapshot: first.point.snapshot })).toMatchObject({
      differences: [{ offset: 9 * MiB, length: MiB }],
    })
    const except = [{ offset: 9 * MiB, length: 10 }]
    expect(await pool.run('compare', at, { ...same, snapshot: first.point.snapshot, except })).toMatchObject({
      differences: [],
    })

    const pieces: string[] = []
    const { present } = await pool.run(
      'points',
      at,
      { known: [first.point.snapshot] },
      {
        items: (items) => pieces.push(...items.map(({ snapshot }) => snapshot)),
      },
    )
    expect(present.toSorted()).toEqual([first.point.snapshot, second.point.snapshot].toSorted())
    expect(pieces).toEqual([second.point.snapshot])
    const content = await pool.run('content', at, { snapshot: second.point.snapshot })
    expect(content.vm).toEqual({ name: 'web-01' })
    expect(content.files.map((file) => file.path)).toContain('/disk-root.raw')
  })

  test('reads disks no faster than it may, together with others', async () => {
    const at = place()
    await pool.run('create', at, {})
    const { path, bytes } = await diskFile()
    const source = { kind: 'image', path, format: 'raw' } as const
    const read = new Allowance(8 * MiB)
    // Somebody else who has as much.
    using _other = read.join(() => undefined)
    const begun = performance.now()
    await pool.run('backup', at, request([{ name: 'root', source }]), { rates: { read: [read] } })
    // Three pieces of 4 MiB at 4 MiB a second: the last begins two seconds after the first.
    expect(bytes.length).toBe(12 * MiB)
    expect(performance.now() - begun).toBeGreaterThan(1900)
  })

  test('of a slow repository keeps no other repository waiting', async () => {
    const [slow, other] = [place(join(folder, 'slow')), place(join(folder, 'other'))]
    for (const at of [slow, other]) await pool.run('create', at, {})
    const { path } = await diskFile()
    const source = { kind: 'image', path, format: 'raw' } as const
    const stop = new AbortController()
    // An hour for each piece.
    const read = new Allowance(1000)
    const begun = Array.from({ length: 3 }, async () => {
      const options = { rates: { read: [read] }, signal: stop.signal }
      return await pool.run('backup', slow, request([{ name: 'root', source }]), options)
    })
    const ended = Promise.allSettled(begun)
    await expect.poll(() => pool.inside(slow.key), { timeout: 30_000 }).toHaveLength(3)
    expect(await pool.run('backup', other, request([{ name: 'root', source }]))).toMatchObject({ readBytes: 12 * MiB })
    stop.abort(new Error('enough'))
    expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  })

  test('takes streams: raw, VHD, and a VHD that holds only changes', async () => {
    const at = place()
    await pool.run('create', at, {})
    const { path, bytes } = await diskFile()
    const [vhdFile, deltaFile] = [join(folder, 'a.vhd'), join(folder, 'b.vhd')]
    const vhd = formatNamed('vhd')
    const encoded = await vhd?.encode?.(memoryDisk(bytes), { scan: true })
    await writeFile(vhdFile, encoded?.bytes ?? '')
    // A delta is a VHD with few blocks: of a disk that is zero but for what changed.
    const delta = Buffer.alloc(bytes.length)
    randomBytes(2 * MiB).copy(delta, 6 * MiB)
    const deltaStream = await vhd?.encode?.(memoryDisk(delta), { scan: true })
    await writeFile(deltaFile, deltaStream?.bytes ?? '')
    const files: Record<string, string> = { '/raw': path, '/vhd': vhdFile, '/delta': deltaFile }
    const server = createServer((incoming, response) => {
      const file = files[incoming.url ?? '']
      if (file === undefined || incoming.headers.cookie !== 'session_id=s3cret')
        return void response.writeHead(403).end()
      readFile(file).then(
        (content) => response.end(content),
        () => response.destroy(),
      )
    })
    server.listen(0, '127.0.0.1')
    await expect.poll(() => server.listening).toBe(true)
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const stream = (name: string, format: 'raw' | 'vhd', delta = false) =>
      ({
        kind: 'http-export',
        url: `${url}/${name}`,
        headers: { cookie: 'session_id=s3cret' },
        format,
        size: bytes.length,
        delta,
      }) as const
    try {
      const raw = await pool.run('backup', at, request([{ name: 'root', source: stream('raw', 'raw') }]))
      const full = await pool.run('backup', at, request([{ name: 'root', source: stream('vhd', 'vhd') }]))
      expect(full.storedBytes).toBe(0)
      const parent = raw.point.snapshot
      const last = await pool.run(
        'backup',
        at,
        request([{ name: 'root', source: stream('delta', 'vhd', true), changed: { parent } }]),
      )
      expect(last.disks).toMatchObject([{ mode: 'changes', readBytes: 2 * MiB }])
      delta.copy(bytes, 6 * MiB, 6 * MiB, 8 * MiB)
      const dump = join(folder, 'out')
      await restic(at.access.location, ['restore', last.point.snapshot, '--target', dump], { password })
      expect((await readFile(join(dump, 'disk-root.raw'))).equals(bytes)).toBe(true)
      await expect(
        pool.run('backup', at, request([{ name: 'root', source: stream('none', 'raw') }])),
      ).rejects.toMatchObject({ code: 'repository.bad_source', message: expect.stringContaining('it answered 403') })
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  test('restores to NBD, to a file and to a stream, and serves a disk without restoring it', async () => {
    const at = place()
    await pool.run('create', at, {})
    const { path, bytes } = await diskFile()
    const source = { kind: 'image', path, format: 'raw' } as const
    const { point } = await pool.run('backup', at, request([{ name: 'root', source }]))
    const what = { snapshot: point.snapshot, path: '/disk-root.raw' }

    const file = join(folder, 'restored.qcow2')
    await pool.run('restore', at, { ...what, sink: { kind: 'new-image', path: file, format: 'qcow2' } })
    expect(await pool.run('compare', at, { ...what, source: { kind: 'image', path: file } })).toMatchObject({
      differences: [],
    })

    const received: Buffer[] = []
    const server = createServer((incoming, response) => {
      incoming.on('data', (part: Buffer) => void received.push(part)).on('end', () => response.end())
    })
    server.listen(0, '127.0.0.1')
    await expect.poll(() => server.listening).toBe(true)
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/import`
    await pool.run('restore', at, { ...what, sink: { kind: 'http-import', url, format: 'vhd' } })
    server.closeAllConnections()
    server.close()
    const vhdFile = join(folder, 'in.vhd')
    await writeFile(vhdFile, Buffer.concat(received))
    expect(await pool.run('compare', at, { ...what, source: { kind: 'image', path: vhdFile } })).toMatchObject({
      differences: [],
    })

    const socketPath = join(folder, 'serve.sock')
    const stop = new AbortController()
    const listening = Promise.withResolvers<number>()
    const serving = pool.run(
      'serve',
      at,
      { ...what, as: 'nbd', socketPath },
      { signal: stop.signal, items: ([first]) => listening.resolve(first?.size ?? 0) },
    )
    expect(await listening.promise).toBe(bytes.length)
    {
      await using disk = await openNbd({ socketPath })
      const into = new Uint8Array(bytes.length)
      await disk.read(0, into)
      expect(bytes.equals(into)).toBe(true)
    }
    stop.abort()
    expect(await serving).toEqual({})
    expect((await pool.run('locks', at, {})).locks).toEqual([])
  })

  test('says what is wrong in the words of the contract', async () => {
    const at = place()
    await expect(pool.run('inspect', at, {})).rejects.toMatchObject({ code: 'repository.not_a_repository' })
    await pool.run('create', at, {})
    await expect(pool.run('create', at, {})).rejects.toMatchObject({ code: 'repository.exists' })
    const wrong = { ...at, access: { ...at.access, password: 'other' } }
    await expect(pool.run('inspect', wrong, {})).rejects.toMatchObject({
      code: 'repository.wrong_password',
      message: 'The password opens none of the 1 keys of nas. Enter the right one; the recovery sheet has it.',
    })
    await expect(pool.run('inspect', place('ftp://x/y'), {})).rejects.toMatchObject({ code: 'repository.bad_location' })
    expect(await pool.run('probe', at, { password: 'other' })).toMatchObject({
      repository: true,
      opens: { ok: false, keys: 1 },
      write: 'allowed',
      overwrite: 'refused',
      remove: 'allowed',
    })
    const figures = await pool.run('benchmark', at, { fileSize: MiB, files: 2 })
    expect(figures.writeRate).toBeGreaterThan(0)
    // Trials leave nothing behind.
    const left = await pool.run('check', at, { threads: 1 })
    expect(left).toMatchObject({ ok: true, packs: 0, findings: [] })
  })

  test('keeps keys, forgets, prunes and counts', async () => {
    const at = place()
    await pool.run('create', at, {})
    const { path } = await diskFile()
    const source = { kind: 'image', path, format: 'raw' } as const
    const first = await pool.run('backup', at, request([{ name: 'root', source }], { time: Date.UTC(2026, 0, 1) }))
    await writeFile(path, randomBytes(4 * MiB))
    await pool.run('backup', at, request([{ name: 'root', source }], { time: Date.UTC(2026, 0, 2) }))
    const { key } = await pool.run('addKey', at, { password: 'second' })
    expect((await pool.run('keys', at, {})).keys).toHaveLength(2)
    expect(await pool.run('inspect', { ...at, access: { ...at.access, password: 'second' } }, {})).toMatchObject({
      key,
    })
    await pool.run('removeKey', at, { key })
    const what = { by: 'policy', policy: { last: 1 } } as const
    const preview = await pool.run('forget', at, { what, execute: false })
    expect(preview.forget.map((line) => line.point.snapshot)).toEqual([first.point.snapshot])
    expect(preview.forgotten).toBe(0)
    expect((await pool.run('forget', at, { what, execute: true })).forgotten).toBe(1)
    expect((await pool.run('prune', at, { execute: true })).freedBytes).toBeGreaterThan(4 * MiB)
    const stats = await pool.run('stats', at, {})
    expect(stats.points).toBe(1)
    expect(stats.unusedSize).toBeLessThan(4096)
    expect((await restic(at.access.location, ['check', '--read-data'], { password })).code).toBe(0)
  })

  test(
    'that is killed is a clear error, and what it did not finish is no harm',
    { timeout: 120_000 + rounds * 30_000 },
    async () => {
      const at = place()
      await pool.run('create', at, {})
      const { bytes } = await diskFile()
      const { server, socketPath } = await exported(bytes)
      await using _server = server
      const source = { kind: 'nbd', address: { socketPath }, exportName: 'root' } as const
      const good = await pool.run('backup', at, request([{ name: 'root', source }]))
      const ends: string[] = []
      for (let round = 0; round < rounds; round++) {
        randomBytes(8 * MiB).copy(bytes)
        let events = 0
        const kill = (): void => {
          for (const pid of pool.pids) process.kill(pid, 'SIGKILL')
        }
        // Each of the first a little later, from the opening on; then at any moment, the end included.
        const timer = round < moments ? undefined : setTimeout(kill, Math.random() * 3000)
        const running = pool.run('backup', at, request([{ name: 'root', source }]), {
          progress: () => {
            if (events++ === round && round < moments) kill()
          },
        })
        ends.push(
          await running.then(
            () => 'whole',
            (error: Error) => error.message,
          ),
        )
        clearTimeout(timer)
        // Processes that were killed are gone when the pool knows it.
        await expect.poll(() => pool.pids.every(isAlive)).toBe(true)
      }
      const killed = expect.stringMatching(/"backup" ended: it was killed by SIGKILL/) as string
      expect(ends.slice(0, moments)).toEqual(Array.from({ length: moments }, () => killed))
      expect(ends.filter((end) => end !== 'whole' && !end.includes('it was killed by SIGKILL'))).toEqual([])
      // Locks of the dead: any writer of ours removes them, restic wants to be asked.
      await pool.run('unlock', at, {})
      expect(await restic(at.access.location, ['check', '--read-data'], { password })).toMatchObject({ code: 0 })
      const next = await pool.run('backup', at, request([{ name: 'root', source }]))
      expect(
        await pool.run('compare', at, { snapshot: next.point.snapshot, path: '/disk-root.raw', source }),
      ).toMatchObject({
        differences: [],
      })
      const { present } = await pool.run('points', at, {})
      expect(present).toContain(good.point.snapshot)
      expect((await pool.run('locks', at, {})).locks).toEqual([])
      expect(await pool.run('check', at, { read: { kind: 'all' }, threads: 1 })).toMatchObject({ ok: true })
      // One that was killed after its last step is there too.
      expect(present.length).toBeGreaterThanOrEqual(2 + ends.filter((end) => end === 'whole').length)
    },
  )

  test('ends with the process that started it, gives its locks back, and shows no secret to other users', async () => {
    const at = place()
    const { path } = await diskFile()
    await pool.run('create', at, {})
    const source = { kind: 'image', path, format: 'raw' } as const
    const { point } = await pool.run('backup', at, request([{ name: 'root', source }]))
    const script = fileURLToPath(new URL('../../test/worker-parent.ts', import.meta.url))
    const parent = spawn(process.execPath, [script, at.access.location, point.snapshot, join(folder, 's.sock')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(parent, 'exit')
    const [line] = (await once(parent.stdout.setEncoding('utf8'), 'data')) as [string]
    const pid = Number(line)
    expect((await pool.run('locks', at, {})).locks).toMatchObject([{ pid, exclusive: false }])
    for (const file of ['cmdline', 'environ']) {
      expect(await readFile(`/proc/${pid}/${file}`, 'utf8')).not.toContain(password)
    }
    parent.kill('SIGKILL')
    await exited
    await expect.poll(() => isAlive(pid), { timeout: 30_000 }).toBe(false)
    expect((await pool.run('locks', at, {})).locks).toEqual([])
  })

  test('that takes too much memory is stopped, and says so', async () => {
    await using small = new WorkerPool({ log: silentLog, limits: { memory: 20 * MiB } })
    const at = place()
    const { path } = await diskFile()
    await pool.run('create', at, {})
    const source = { kind: 'image', path, format: 'raw' } as const
    const { point } = await pool.run('backup', at, request([{ name: 'root', source }]))
    const serving = small.run('serve', at, {
      snapshot: point.snapshot,
      path: '/disk-root.raw',
      as: 'nbd',
      socketPath: join(folder, 'x.sock'),
    })
    await expect(serving).rejects.toMatchObject({ code: 'repository.worker_memory', details: { operation: 'serve' } })
  })
})
