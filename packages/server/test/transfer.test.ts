import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { openAsBlob, createWriteStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { createServer, request as httpRequest, type RequestListener } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import type { Disk, DiskId, Download, SnapshotId, StorageId, Task, TaskId, TaskRef, Vm, VmId } from '@nixen/api'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admin, eventually, logIn, signUp, temporaryState, testServer, type Browser } from './rig.ts'
import type { Server } from '../src/index.ts'

const run = promisify(execFile)
const MiB = 1024 * 1024
const state = await temporaryState()
const data = await temporaryState()
const work = await temporaryState()
let toolstack: Toolstack
let server: Server
let tab: Browser
let storage: StorageId
let images: StorageId

beforeAll(async () => {
  toolstack = await startToolstack({ hosts: 2, vms: 4, waits: false, loginDelay: false, seed: 7, dataDir: data.path })
  server = await testServer(state.path)
  tab = await signUp(server)
  const { url: address, fingerprint = '' } = toolstack
  await tab.client.connection.add({ kind: 'xapi', address, username: 'root', password: 'nixen', fingerprint })
  await eventually(async () => ((await tab.client.vm.list({})).total >= 4 ? true : undefined))
  const { items } = await tab.client.storage.list({})
  storage = (await tab.client.storage.list({ q: 'content:disks', sort: '-size', limit: 1 })).items[0]!.id
  images =
    items.find(({ content, shared }) => content === 'images' && shared)?.id ??
    items.find(({ content }) => content === 'images')!.id
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  for (const one of [state, data, work]) await one[Symbol.asyncDispose]()
})

const file = (name: string): string => join(work.path, name)

/** A raw disk with data at a few places, zeros between. */
async function makeRaw(name: string, size: number): Promise<string> {
  const path = file(name)
  await using handle = await open(path, 'w')
  await handle.truncate(size)
  for (const at of [0, Math.floor(size / 3), size - 70_000]) await handle.write(randomBytes(70_000), 0, 70_000, at)
  return path
}

async function blob(path: string): Promise<Blob> {
  return await openAsBlob(path)
}

async function save(download: Promise<Download>, name: string): Promise<string> {
  const path = file(name)
  await pipeline((await download).bytes(), createWriteStream(path))
  return path
}

const sha256 = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')

/** The code of what something was refused with. */
function refusalOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

async function taskOf({ task }: TaskRef): Promise<Task> {
  return await eventually(async () => {
    const found = await tab.client.task.get({ id: task })
    return found.finished === undefined ? undefined : found
  })
}

async function diskOf(asked: Promise<TaskRef>): Promise<Disk> {
  const task = await taskOf(await asked)
  expect({ state: task.state, error: task.error }).toEqual({ state: 'succeeded', error: undefined })
  return await eventually(async () => await tab.client.disk.get({ id: task.made![0] as DiskId }).catch(() => undefined))
}

/** Calls the pool itself. */
async function call(method: string, ...params: readonly unknown[]): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const text = await new Promise<string>((resolve, reject) => {
    const options = { method: 'POST', rejectUnauthorized: false, headers: { 'content-type': 'application/json' } }
    const asked = httpsRequest(`${toolstack.url}/jsonrpc`, options, (response) => {
      let got = ''
      response.setEncoding('utf8').on('data', (part: string) => (got += part))
      response.on('end', () => resolve(got))
    })
    asked.on('error', reject)
    asked.end(body)
  })
  return (JSON.parse(text) as { readonly result: unknown }).result
}

/** Names of all VMs and disks of the pool, as it says itself: what a failure leaves shows here. */
async function everything(): Promise<readonly string[]> {
  const session = await call('session.login_with_password', 'root', 'nixen', '1.0', 'test')
  const records = await Promise.all(['VM', 'VDI'].map(async (cls) => await call(`${cls}.get_all_records`, session)))
  await call('session.logout', session)
  return records
    .flatMap((all) => Object.values(all as Record<string, { readonly uuid: string; readonly name_label: string }>))
    .map(({ uuid, name_label }) => `${name_label} ${uuid}`)
    .toSorted()
}

/** What another test made may still be on its way out: that something is gone is no harm here. */
async function nothingNew(before: readonly string[]): Promise<void> {
  const fresh = async () => (await everything()).filter((one) => !before.includes(one))
  await expect.poll(fresh, { timeout: 10_000 }).toEqual([])
}

describe('disks', () => {
  test.each(['raw', 'vhd', 'qcow2', 'vmdk', 'vhdx'] as const)(
    'come in as %s and go out in every format with the same content',
    async (format) => {
      const raw = await makeRaw(`in-${format}.raw`, 20 * MiB)
      const image = file(`in.${format}`)
      const options =
        format === 'vmdk' ? ['-o', 'subformat=streamOptimized'] : format === 'vhd' ? ['-o', 'force_size=on'] : []
      const name = format === 'vhd' ? 'vpc' : format
      await run('qemu-img', ['convert', '-f', 'raw', '-O', name, ...options, raw, image])
      const asked = tab.client.disk.import(
        { storage, name: `from ${format}`, sha256: await sha256(image) },
        { body: await blob(image) },
      )
      const disk = await diskOf(asked)
      expect(disk).toMatchObject({ name: `from ${format}`, size: 20 * MiB })
      for (const [out, option] of [
        ['raw', 'raw'],
        ['vhd', 'vpc'],
        ['qcow2', 'qcow2'],
        ['vmdk', 'vmdk'],
      ] as const) {
        if (format !== 'raw' && out !== 'raw') continue
        const path = await save(tab.client.disk.export({ id: disk.id, format: out }), `out-${format}.${out}`)
        const { stdout } = await run('qemu-img', ['compare', '-f', 'raw', '-F', option, raw, path])
        expect(stdout).toContain('Images are identical')
      }
      expect((await tab.client.disk.native({ id: disk.id })).record).toMatchObject({ other_config: {} })
    },
  )
})

/** A halted VM of one disk, whose content is in a file. */
async function makeVm(name: string, raw: string): Promise<Vm> {
  const { client } = tab
  const template = (await client.template.list({ q: 'default:true name:"Other install media"', limit: 1 })).items[0]!.id
  const network = (await client.network.list({ limit: 1 })).items[0]!.id
  const disk = await diskOf(client.disk.import({ storage, name: `${name} root` }, { body: await openAsBlob(raw) }))
  const asked = client.vm.create({
    template,
    name,
    vcpus: 3,
    memory: 256 * MiB,
    nics: [{ network }],
    description: 'A & B <c>',
  })
  const id = (await taskOf(await asked)).made![0] as VmId
  await taskOf(await client.vm.attachDisk({ id, disk: disk.id, boot: true }))
  return await eventually(async () => {
    const vm = await client.vm.get({ id }).catch(() => undefined)
    return vm?.drives.some(({ disk: one }) => one === disk.id) ? vm : undefined
  })
}

async function vmOf(asked: Promise<TaskRef>): Promise<Vm> {
  const task = await taskOf(await asked)
  expect({ state: task.state, error: task.error }).toEqual({ state: 'succeeded', error: undefined })
  return await eventually(async () => {
    const vm = await tab.client.vm.get({ id: task.made![0] as VmId }).catch(() => undefined)
    return vm && vm.drives.length > 0 && vm.nics.length > 0 && !vm.name.includes('[nixen') ? vm : undefined
  })
}

async function sameDisk(vm: Vm, raw: string): Promise<void> {
  const disk = vm.drives.find(({ kind }) => kind === 'disk')!.disk!
  const path = await save(
    tab.client.disk.export({ id: disk, format: 'raw' }),
    `of-${vm.name.replaceAll(/\W/g, '')}.raw`,
  )
  const { stdout } = await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', raw, path])
  expect(stdout).toContain('Images are identical')
}

describe('VMs', () => {
  let raw: string
  let vm: Vm
  beforeAll(async () => {
    raw = await makeRaw('vm.raw', 16 * MiB)
    vm = await makeVm('web <1>', raw)
  })

  test.each(['none', 'gzip', 'zstd'] as const)(
    'go out as XVA (%s), which tar reads, and come in again',
    async (compression) => {
      const download = await tab.client.vm.export({ id: vm.id, compression })
      expect(download.name).toBe('web <1>.xva')
      const path = await save(Promise.resolve(download), `${compression}.xva`)
      const how = { none: [], gzip: ['-z'], zstd: ['--zstd'] }[compression]
      expect((await run('tar', ['-t', ...how, '-f', path])).stdout).toMatch(/^ova\.xml\n/)
      const options = { storage, name: `again ${compression}`, sha256: await sha256(path) }
      const back = await vmOf(tab.client.vm.import(options, { body: await openAsBlob(path) }))
      expect(back).toMatchObject({ name: `again ${compression}`, vcpus: 3, memory: 256 * MiB })
      await sameDisk(back, raw)
      expect(await taskOf({ task: download.task as TaskId })).toMatchObject({ state: 'succeeded', action: 'vm.export' })
    },
  )

  test('go out as OVA, which other tools read, and come in again', async () => {
    const path = await save(tab.client.vm.export({ id: vm.id, format: 'ova' }), 'vm.ova')
    await run('tar', ['-x', '-C', work.path, '-f', path])
    const names = (await run('tar', ['-t', '-f', path])).stdout.trim().split('\n')
    expect(names).toEqual(['web_1_.ovf', 'web_1_-disk1.vmdk', 'web_1_.mf'])
    for (const line of (await readFile(file('web_1_.mf'), 'utf8')).trim().split('\n')) {
      const [, name = '', digest] = /^SHA256\((.*)\)= ([0-9a-f]{64})$/.exec(line) ?? []
      expect(await sha256(file(name))).toBe(digest)
    }
    // A parser that is not ours, where there is one.
    const parsed = await run('xmllint', ['--noout', file('web_1_.ovf')]).catch((error: { code?: string }) => error)
    expect(['ENOENT', undefined]).toContain('code' in parsed ? parsed.code : undefined)
    const { stdout } = await run('qemu-img', ['compare', '-f', 'raw', '-F', 'vmdk', raw, file('web_1_-disk1.vmdk')])
    expect(stdout).toContain('Images are identical')
    const back = await vmOf(tab.client.vm.import({ storage }, { body: await openAsBlob(path) }))
    expect(back).toMatchObject({
      name: 'web <1>',
      description: 'A & B <c>',
      vcpus: 3,
      memory: 256 * MiB,
      power: 'halted',
    })
    await sameDisk(back, raw)
  })

  test('a snapshot of a running one goes out too, and two at once do not mix', async () => {
    await taskOf(await tab.client.vm.start({ id: vm.id }))
    await eventually(async () => ((await tab.client.vm.get({ id: vm.id })).power === 'running' ? true : undefined))
    await expect(tab.client.vm.export({ id: vm.id })).rejects.toMatchObject({ code: 'request.not_allowed' })
    const made = (await taskOf(await tab.client.vm.snapshot({ id: vm.id, name: 'now' }))).made![0] as SnapshotId
    await eventually(async () => await tab.client.snapshot.get({ id: made }).catch(() => undefined))
    const [a, b] = await Promise.all([
      save(tab.client.snapshot.export({ id: made, format: 'ova' }), 'a.ova'),
      save(tab.client.snapshot.export({ id: made, format: 'ova' }), 'b.ova'),
    ])
    const [one, two] = await Promise.all([
      vmOf(tab.client.vm.import({ storage, name: 'one' }, { body: await openAsBlob(a) })),
      vmOf(tab.client.vm.import({ storage, name: 'two' }, { body: await openAsBlob(b) })),
    ])
    await sameDisk(one, raw)
    await sameDisk(two, raw)
  })

  describe('that fail to come in leave nothing', () => {
    const kinds = ['xva', 'ova'] as const
    test.each(kinds)('%s with a wrong checksum', async (format) => {
      const path = file(format === 'xva' ? 'none.xva' : 'vm.ova')
      const before = await everything()
      const asked = tab.client.vm.import({ storage, sha256: '0'.repeat(64) }, { body: await openAsBlob(path) })
      await expect(asked).rejects.toMatchObject({ code: 'transfer.checksum' })
      await nothingNew(before)
    })

    test.each(kinds)(
      '%s cut at random points',
      async (format) => {
        const bytes = await readFile(file(format === 'xva' ? 'none.xva' : 'vm.ova'))
        const before = await everything()
        for (let round = 0; round < 4; round++) {
          const at = 1 + Math.floor(Math.random() * (bytes.length - 100_000))
          await sendCut(`vms/import?storage=${storage}&format=${format}`, {
            bytes: bytes.subarray(0, at),
            announced: bytes.length,
          })
          await expect
            .poll(
              async () =>
                (await tab.client.task.list({ q: 'state:running' })).items.filter(
                  ({ action }) => action === 'vm.import',
                ),
              { timeout: 20_000 },
            )
            .toEqual([])
          const asked = tab.client.vm.import({ storage, format }, { body: new Blob([bytes.subarray(0, at)]) })
          await expect(asked.then(() => `${at} bytes were enough`, refusalOf)).resolves.toMatch(/^[a-z]+\.\w+$/)
        }
        await nothingNew(before)
      },
      60_000,
    )

    test.each(kinds)('%s on a storage that is full', async (format) => {
      const before = await everything()
      const rule = toolstack.pools[0]!.faults.add({ sr: '*', space: 0 })
      const asked = tab.client.vm.import(
        { storage, format },
        { body: await openAsBlob(file(format === 'xva' ? 'none.xva' : 'vm.ova')) },
      )
      await expect(asked).rejects.toMatchObject({ message: expect.stringMatching(/space|full|room/i) })
      rule.remove()
      await nothingNew(before)
    })

    test.each(kinds)('%s whose connection to the host breaks', async (format) => {
      const before = await everything()
      const rule = toolstack.pools[0]!.faults.add({ stream: '/import*', cutAfter: 100_000 })
      const asked = tab.client.vm.import(
        { storage, format },
        { body: await openAsBlob(file(format === 'xva' ? 'none.xva' : 'vm.ova')) },
      )
      await expect(asked.then(() => 'it worked', refusalOf)).resolves.toMatch(/^[a-z]+\.\w+$/)
      rule.remove()
      await nothingNew(before)
    })

    test.each(kinds)('%s that is cancelled', async (format) => {
      const before = await everything()
      const rule = toolstack.pools[0]!.faults.add({ stream: '/import*', bytesPerSecond: 200_000 })
      const asked = tab.client.vm.import(
        { storage, format },
        { body: await openAsBlob(file(format === 'xva' ? 'none.xva' : 'vm.ova')) },
      )
      const refused = asked.then(() => 'it worked', refusalOf)
      const running = await eventually(async () =>
        (await tab.client.task.list({ q: 'state:running' })).items.find(
          ({ action, bytes }) => action === 'vm.import' && (bytes ?? 0) > 0,
        ),
      )
      await tab.client.task.cancel({ id: running.id })
      expect(await refused).toBe('task.cancelled')
      rule.remove()
      await nothingNew(before)
    })

    test('what is no VM at all', async () => {
      const asked = tab.client.vm.import({ storage }, { body: new Blob([randomBytes(5000)]) })
      await expect(asked).rejects.toMatchObject({ code: 'transfer.unknown_format' })
      await expect(tab.client.vm.import({ storage: images }, { body: new Blob(['x']) })).rejects.toMatchObject({
        code: 'transfer.wrong_storage',
      })
    })
  })

  test('a client that goes away ends the export', async () => {
    const rule = toolstack.pools[0]!.faults.add({ stream: '/export*', bytesPerSecond: 500_000 })
    const back = (await tab.client.vm.list({ q: 'name:again*', limit: 1 })).items[0]!
    const download = await tab.client.vm.export({ id: back.id })
    for await (const part of download.bytes()) if (part.length > 0) break
    expect(await taskOf({ task: download.task as TaskId })).toMatchObject({ state: 'cancelled' })
    rule.remove()
  })

  test('a host that breaks off breaks the download off', async () => {
    const rule = toolstack.pools[0]!.faults.add({ stream: '/export*', cutAfter: 300_000 })
    const back = (await tab.client.vm.list({ q: 'name:again*', limit: 1 })).items[0]!
    const download = await tab.client.vm.export({ id: back.id })
    await expect(save(Promise.resolve(download), 'broken.xva')).rejects.toMatchObject({ code: 'client.unreachable' })
    expect(await taskOf({ task: download.task as TaskId })).toMatchObject({ state: 'failed' })
    rule.remove()
  })
})

/** Sends the front of a body, and breaks the connection. */
async function sendCut(
  path: string,
  { bytes, announced }: { readonly bytes: Uint8Array; readonly announced: number },
): Promise<void> {
  await new Promise<void>((resolve) => {
    const headers = {
      cookie: tab.cookie,
      'x-csrf-token': tab.csrf,
      'content-type': 'application/octet-stream',
      'content-length': announced,
    }
    const asked = httpRequest(`${server.url}api/v1/${path}`, { method: 'POST', headers })
    asked.on('error', () => resolve())
    asked.on('close', () => resolve())
    asked.write(bytes, () => asked.destroy())
  })
}

describe('a disk', () => {
  test('that exists is written over, also with zeros, and keeps what it held when that fails', async () => {
    const [before, after] = [await makeRaw('before.raw', 8 * MiB), await makeRaw('after.raw', 8 * MiB)]
    const disk = await diskOf(tab.client.disk.import({ storage, name: 'target' }, { body: await openAsBlob(before) }))
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', after, file('after.qcow2')])
    const body = await openAsBlob(file('after.qcow2'))
    await taskOf(await tab.client.disk.overwrite({ id: disk.id }, { body }))
    const path = await save(tab.client.disk.export({ id: disk.id, format: 'raw' }), 'now.raw')
    expect(await sha256(path)).toBe(await sha256(after))
    const small = new Blob([new Uint8Array(1 * MiB)])
    await expect(tab.client.disk.overwrite({ id: disk.id, format: 'raw' }, { body: small })).rejects.toMatchObject({
      code: 'transfer.other_size',
    })
    const image = { format: 'raw', sha256: '0'.repeat(64) } as const
    const wrong = tab.client.disk.overwrite({ id: disk.id, ...image }, { body: await openAsBlob(before) })
    await expect(wrong).rejects.toMatchObject({ code: 'transfer.checksum' })
    const kept = await eventually(
      async () => (await tab.client.disk.list({ q: 'name:"target before the import"' })).items[0],
    )
    expect(await sha256(await save(tab.client.disk.export({ id: kept.id, format: 'raw' }), 'kept.raw'))).toBe(
      await sha256(after),
    )
  })

  test('of a fixed VHD or of unknown length is not taken for another', async () => {
    const raw = await makeRaw('fixed.raw', 4 * MiB)
    await run('qemu-img', [
      'convert',
      '-f',
      'raw',
      '-O',
      'vpc',
      '-o',
      'subformat=fixed,force_size=on',
      raw,
      file('fixed.vhd'),
    ])
    const before = await everything()
    const body = await openAsBlob(file('fixed.vhd'))
    await expect(tab.client.disk.import({ storage, name: 'x' }, { body })).rejects.toMatchObject({
      code: 'transfer.bad_image',
    })
    const stream = new Blob([new Uint8Array(MiB)]).stream()
    await expect(tab.client.disk.import({ storage, name: 'x' }, { body: stream })).rejects.toMatchObject({
      code: 'transfer.size_needed',
    })
    await nothingNew(before)
    const disk = await diskOf(tab.client.disk.import({ storage, name: 'fixed', format: 'vhd' }, { body }))
    expect(await sha256(await save(tab.client.disk.export({ id: disk.id, format: 'raw' }), 'fixed-out.raw'))).toBe(
      await sha256(raw),
    )
  })

  test('cut, damaged or cancelled in any format leaves nothing', async () => {
    const raw = await makeRaw('cut.raw', 8 * MiB)
    const before = await everything()
    for (const [format, name] of [
      ['raw', 'raw'],
      ['vhd', 'vpc'],
      ['qcow2', 'qcow2'],
      ['vmdk', 'vmdk'],
      ['vhdx', 'vhdx'],
    ] as const) {
      const image = file(`cut.${format}`)
      if (format !== 'raw')
        await run('qemu-img', [
          'convert',
          '-f',
          'raw',
          '-O',
          name,
          ...(format === 'vmdk' ? ['-o', 'subformat=streamOptimized'] : []),
          raw,
          image,
        ])
      const bytes = await readFile(image)
      const at = 1000 + Math.floor(Math.random() * (bytes.length / 2))
      await sendCut(`disks/import?storage=${storage}&name=cut&format=${format}`, {
        bytes: bytes.subarray(0, at),
        announced: bytes.length,
      })
      const size = format === 'raw' ? { size: bytes.length } : {}
      const cut = tab.client.disk.import(
        { storage, name: 'cut', format, ...size },
        { body: new Blob([bytes.subarray(0, at)]) },
      )
      await expect(cut, `${format} cut at ${at}`).rejects.toMatchObject({ code: 'transfer.bad_image' })
    }
    await nothingNew(before)
  })
})

describe('from a web server', () => {
  const files = new Map<string, RequestListener>()
  const web = createServer((request, response) => {
    const give = files.get(request.url ?? '')
    if (give) give(request, response)
    else response.writeHead(404).end()
  })
  let origin: string
  beforeAll(async () => {
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
  })
  afterAll(() => void web.close())

  test('only what is allowed is fetched, also after redirections, and only what has the checksum is kept', async () => {
    const raw = await makeRaw('web.raw', 4 * MiB)
    const bytes = await readFile(raw)
    files.set('/disk.raw', (_, response) => void response.writeHead(200, { 'content-length': bytes.length }).end(bytes))
    files.set('/moved', (_, response) => void response.writeHead(302, { location: '/disk.raw' }).end())
    files.set(
      '/away',
      (_, response) => void response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(),
    )
    files.set('/cut', (_, response) => {
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 1 * MiB), () => response.destroy())
    })
    const ask = async (path: string, sum?: string) =>
      await tab.client.disk.importUrl({
        storage,
        name: 'web',
        url: origin + path,
        ...(sum === undefined ? {} : { sha256: sum }),
      })
    await expect(ask('/disk.raw')).rejects.toMatchObject({ code: 'transfer.url_not_allowed' })
    await tab.client.settings.update({ values: { 'transfer.allowed_hosts': [new URL(origin).host] } })
    const before = await everything()
    for (const [path, code, sum] of [
      ['/away', 'transfer.url_not_allowed'],
      ['/nothing', 'transfer.source_failed'],
      ['/cut', 'transfer.source_failed'],
      ['/disk.raw', 'transfer.checksum', '0'.repeat(64)],
    ] as const) {
      const { state: end, error } = await taskOf(await ask(path, sum))
      expect({ path, end, code: error?.code }).toEqual({ path, end: 'failed', code })
    }
    await nothingNew(before)
    const disk = await diskOf(ask('/moved', await sha256(raw)))
    expect(await sha256(await save(tab.client.disk.export({ id: disk.id, format: 'raw' }), 'web-out.raw'))).toBe(
      await sha256(raw),
    )
  })
})

describe('an upload in pieces', () => {
  test('goes on after a break and after a restart of the server, and becomes an installation image', async () => {
    const bytes = randomBytes(3 * MiB + 2048)
    const sum = createHash('sha256').update(bytes).digest('hex')
    const { id } = await tab.client.upload.create({ name: 'debian.iso', size: bytes.length, sha256: sum })
    const send = async (offset: number, end: number) =>
      await tab.client.upload.append({ id, offset }, { body: new Blob([bytes.subarray(offset, end)]) })
    expect(await send(0, MiB)).toMatchObject({ offset: MiB })
    await expect(send(0, MiB)).rejects.toMatchObject({ code: 'transfer.wrong_offset', details: { offset: MiB } })
    await sendCut(`uploads/${id}?offset=${MiB}`, { bytes: bytes.subarray(MiB, MiB + 500_000), announced: bytes.length })
    await expect(tab.client.upload.use({ id, storage: images, name: 'debian.iso' })).rejects.toMatchObject({
      code: 'transfer.upload_incomplete',
    })
    await server[Symbol.asyncDispose]()
    server = await testServer(state.path)
    tab = await logIn(server, admin)
    await eventually(async () => ((await tab.client.vm.list({})).total >= 4 ? true : undefined))
    const { offset } = await tab.client.upload.get({ id })
    expect(await send(offset, bytes.length)).toMatchObject({ offset: bytes.length })
    await expect(
      send(bytes.length, bytes.length).then(
        async () => await tab.client.upload.append({ id, offset: bytes.length }, { body: new Blob(['x']) }),
      ),
    ).rejects.toMatchObject({ code: 'transfer.upload_too_long' })
    const disk = await diskOf(tab.client.upload.use({ id, storage: images, name: 'debian.iso' }))
    expect(disk).toMatchObject({ kind: 'image', size: bytes.length })
    expect(await sha256(await save(tab.client.disk.export({ id: disk.id, format: 'raw' }), 'iso-out'))).toBe(sum)
    await expect.poll(async () => (await tab.client.upload.list({})).items).toEqual([])
  })

  test('with another checksum becomes nothing, and stays', async () => {
    const bytes = randomBytes(10_240)
    const { id } = await tab.client.upload.create({ name: 'a.iso', size: bytes.length, sha256: '0'.repeat(64) })
    await tab.client.upload.append({ id, offset: 0 }, { body: new Blob([bytes]) })
    const before = await everything()
    expect(await taskOf(await tab.client.upload.use({ id, storage: images, name: 'a.iso' }))).toMatchObject({
      state: 'failed',
      error: { code: 'transfer.checksum' },
    })
    await nothingNew(before)
    await tab.client.upload.remove({ id })
    await expect(tab.client.upload.get({ id })).rejects.toMatchObject({ code: 'transfer.upload_not_found' })
  })
})

test('every transfer is in the audit log', async () => {
  const seen = new Set((await tab.client.audit.list({ limit: 500 })).items.map(({ action }) => action))
  for (const action of [
    'vm.export',
    'vm.import',
    'disk.export',
    'disk.import',
    'disk.overwrite',
    'upload.create',
    'upload.use',
  ])
    expect(seen).toContain(action)
})
