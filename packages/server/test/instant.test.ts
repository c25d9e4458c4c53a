import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Point, VmId } from '@nixen/api'
import { xapiProvider, type InstantActions, type InstantDisk, type Provider } from '@nixen/providers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { image, onPool, proveWorld, type ProveWorld } from './prove-world.ts'

const run = promisify(execFile)

/** What a host that can do it would do with the disks: they are opened as its QEMU opens them, read, and written to. */
class Guest implements InstantActions {
  readonly reach = 'tls'
  readonly folder: string
  vm: VmId = '' as VmId // Set before anything is started.
  fail: Error | undefined
  disks: readonly InstantDisk[] = []
  moved: Buffer | undefined

  constructor(folder: string) {
    this.folder = folder
  }

  async uri({ at, exportName }: InstantDisk): Promise<string> {
    if (at.kind !== 'tls') throw new Error('it was to be reached by TLS')
    await writeFile(join(this.folder, 'ca-cert.pem'), at.ca)
    await writeFile(join(this.folder, 'client-cert.pem'), at.certificate)
    await writeFile(join(this.folder, 'client-key.pem'), at.key)
    return `nbds://${at.host}:${at.port}/${exportName}?tls-certificates=${this.folder}`
  }

  async start({ disks, name }: Parameters<InstantActions['start']>[0]) {
    this.disks = disks
    if (this.fail) throw this.fail
    const [disk] = disks
    if (!disk) throw new Error('there is no disk')
    const out = join(this.folder, 'booted.raw')
    await run('nbdcopy', [await this.uri(disk), out])
    if (Buffer.compare(await readFile(out), image()) !== 0) throw new Error('it is not what was backed up')
    // The guest writes.
    await writeFile(join(this.folder, 'written.raw'), Buffer.from(image()).fill(name, 100_000, 300_000))
    await run('nbdcopy', ['--flush', join(this.folder, 'written.raw'), await this.uri(disk)])
    return { vm: this.vm, notes: [] }
  }

  async move(_vm: VmId, { progress }: Parameters<InstantActions['move']>[1]): Promise<void> {
    const [disk] = this.disks
    if (!disk) throw new Error('there is no disk')
    progress?.({ disk: disk.key, doneBytes: disk.size, totalBytes: disk.size })
    await run('nbdcopy', [await this.uri(disk), join(this.folder, 'moved.raw')])
    this.moved = await readFile(join(this.folder, 'moved.raw'))
  }
}

let world: ProveWorld
let point: Point
let guest: Guest
let able = false

/** XAPI, which for a while can do what it cannot. */
const provider: Provider = {
  ...xapiProvider,
  async open(...given) {
    const session = await xapiProvider.open(...given)
    const { instant } = session
    Object.defineProperty(session, 'instant', { get: () => (able ? guest : instant) })
    return session
  },
}

beforeAll(async () => {
  guest = new Guest(await mkdtemp(join(tmpdir(), 'nixen-instant-')))
  world = await proveWorld({}, { providers: [provider] })
  guest.vm = world.vm.id
  point = await world.backUp()
}, 120_000)
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await rm(guest.folder, { recursive: true })
})

const exportsOnDisk = async () => await readdir(join(world.state, 'exports')).catch(() => [])

describe('a VM from the repository', { timeout: 240_000 }, () => {
  test('is refused with the reason where the host cannot, before anything is made', async () => {
    const before = await onPool(world)
    const start = world.tab.client.point.start({ id: point.id })
    await expect(start).rejects.toMatchObject({ code: 'export.not_possible' })
    await expect(world.tab.client.point.start({ id: point.id })).rejects.toThrow('none of them opens an NBD export')
    expect(await exportsOnDisk()).toEqual([])
    expect(await onPool(world)).toEqual(before)
  })

  test('whose start fails leaves no export', async () => {
    able = true
    guest.fail = new Error('the host is full')
    const { task } = await world.tab.client.point.start({ id: point.id })
    expect((await world.ended(task)).state).toBe('failed')
    expect(await exportsOnDisk()).toEqual([])
    guest.fail = undefined
  })

  test('reads from it and writes beside it, keeps its export, and moves to a storage with what it wrote', async () => {
    able = true
    const { client } = world.tab
    const { task } = await client.point.start({ id: point.id, name: 'again' })
    const started = await world.ended(task)
    expect({ state: started.state, error: started.error }).toEqual({ state: 'succeeded', error: undefined })
    expect(started.made).toEqual([world.vm.id])
    const [given] = (await client.export.list()).items
    expect(given).toMatchObject({ runs: world.vm.id, writable: true, over: 'tls', state: 'serving' })
    const id = given?.id ?? ('' as never)
    await expect(client.export.remove({ id })).rejects.toMatchObject({ code: 'export.in_use' })
    const [storage] = (await client.storage.list({ q: 'content:disks' })).items
    const move = await client.export.move({ id, storage: storage?.id ?? '' })
    expect((await world.ended(move.task)).state).toBe('succeeded')
    expect(Buffer.compare(guest.moved ?? Buffer.alloc(0), Buffer.from(image()).fill('again', 100_000, 300_000))).toBe(0)
    expect((await client.export.list()).items).toEqual([])
    expect(await exportsOnDisk()).toEqual([])
  })
})
