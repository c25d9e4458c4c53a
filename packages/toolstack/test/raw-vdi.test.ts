import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'
import { get, put } from './transfers.ts'

const run = promisify(execFile)
const MiB = 1024 * 1024

let directory: string
let toolstack: Toolstack
let client: TestClient
let sr: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nixen-raw-vdi-'))
  toolstack = await quickToolstack({ hosts: 2, vms: 3, dataDir: join(directory, 'data') })
  client = await logIn(toolstack.url)
  const [ref] = await find(client, 'SR', ({ type }) => type === 'nfs')
  sr = ref
})
afterAll(async () => {
  await toolstack[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

async function newVdi(size: number, more: object = {}): Promise<string> {
  const fields = {
    name_label: 'disk',
    name_description: '',
    SR: sr,
    virtual_size: size,
    type: 'user',
    sharable: false,
    read_only: false,
    other_config: {},
  }
  return await client.call('VDI.create', { ...fields, ...more })
}

/** A raw image with data in some places. */
async function image(name: string, size: number): Promise<string> {
  const path = join(directory, name)
  await using file = await open(path, 'w')
  await file.truncate(size)
  for (const at of [0, 3 * MiB + 512, size - 4096]) await file.write(Buffer.alloc(4096, at % 251 || 1), 0, 4096, at)
  return path
}

describe('the content of a VDI', () => {
  test('comes out as it went in, in every format', async () => {
    const path = await image('raw.img', 10 * MiB)
    const vdi = await newVdi(10 * MiB)
    const task = await put(client, '/import_raw_vdi/', createReadStream(path), {
      length: 10 * MiB,
      query: { vdi, format: 'raw' },
    })
    expect(task).toMatchObject({ status: 'success', result: `<value>${vdi}</value>`, httpStatus: 200 })
    for (const [format, driver] of [
      ['raw', 'raw'],
      ['vhd', 'vpc'],
      ['qcow2', 'qcow2'],
    ] as const) {
      const out = join(directory, `out.${format}`)
      const response = await get(client, '/export_raw_vdi', { vdi, format }, out)
      expect(response.status).toBe(200)
      expect(response.headers.get('task-id')).toMatch(/^OpaqueRef:/)
      await run('qemu-img', ['compare', '-f', 'raw', '-F', driver, path, out])
    }
    expect((await get(client, '/export_raw_vdi', { vdi, format: 'tar' }, join(directory, 'out.tar'))).status).toBe(200)
    const { stdout } = await run('tar', ['tf', join(directory, 'out.tar')])
    expect(stdout.split('\n').slice(0, 2)).toEqual(['vdi/00000000', 'vdi/00000000.xxhash'])
  })

  test('is imported from VHD and qcow2, of unknown length too', async () => {
    const path = await image('source.img', 8 * MiB)
    for (const [format, driver] of [
      ['vhd', 'vpc'],
      ['qcow2', 'qcow2'],
    ] as const) {
      const file = join(directory, `in.${format}`)
      const options = format === 'vhd' ? ['-o', 'subformat=dynamic,force_size=on'] : []
      await run('qemu-img', ['convert', '-f', 'raw', '-O', driver, ...options, path, file])
      const vdi = await newVdi(8 * MiB)
      const length = format === 'vhd' ? {} : { length: (await stat(file)).size }
      const task = await put(client, '/import_raw_vdi', createReadStream(file), { ...length, query: { vdi, format } })
      expect(task).toMatchObject({ status: 'success' })
      const out = join(directory, 'again.img')
      await get(client, '/export_raw_vdi', { vdi, format: 'raw' }, out)
      await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', path, out])
    }
  })

  test('is kept in a qcow2 where that is asked for, with snapshots', async () => {
    const path = await image('qcow2.img', 8 * MiB)
    const vdi = await newVdi(8 * MiB, { sm_config: { 'image-format': 'qcow2' } })
    expect(await client.call('VDI.get_sm_config', vdi)).toEqual({ 'image-format': 'qcow2' })
    await put(client, '/import_raw_vdi', createReadStream(path), { length: 8 * MiB, query: { vdi } })
    const snapshot = await client.call('VDI.snapshot', vdi)
    await put(client, '/import_raw_vdi', Readable.from([Buffer.alloc(8 * MiB, 3)]), { length: 8 * MiB, query: { vdi } })
    const [uuid, srUuid] = await Promise.all([client.call('VDI.get_uuid', snapshot), client.call('SR.get_uuid', sr)])
    const file = join(directory, 'data', 'pool-1', 'sr', srUuid, `${uuid}.qcow2`)
    await run('qemu-img', ['check', file])
    // With its backing file, as the snapshot reads it.
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', path, file])
    const { stdout } = await run('qemu-img', ['info', '--output=json', file])
    expect(JSON.parse(stdout)).toMatchObject({ 'backing-filename-format': 'qcow2', 'virtual-size': 8 * MiB })
  })

  test('is imported from a tar, over what was there', async () => {
    const path = await image('for-tar.img', 5 * MiB)
    const vdi = await newVdi(6 * MiB)
    const target = await newVdi(6 * MiB)
    await put(client, '/import_raw_vdi', createReadStream(path), { length: 5 * MiB, query: { vdi } })
    const old = Readable.from([Buffer.alloc(6 * MiB, 7)])
    await put(client, '/import_raw_vdi', old, { length: 6 * MiB, query: { vdi: target } })
    const tar = join(directory, 'disk.tar')
    await get(client, '/export_raw_vdi', { vdi, format: 'tar' }, tar)
    const { size: length } = await stat(tar)
    const query = { vdi: target, format: 'tar' }
    expect(await put(client, '/import_raw_vdi', createReadStream(tar), { length, query })).toMatchObject({
      status: 'success',
    })
    await get(client, '/export_raw_vdi', { vdi: target }, join(directory, 'of-tar.img'))
    await get(client, '/export_raw_vdi', { vdi }, join(directory, 'before-tar.img'))
    expect(
      (await readFile(join(directory, 'of-tar.img'))).equals(await readFile(join(directory, 'before-tar.img'))),
    ).toBe(true)
  })

  test('is imported in chunks that say where they belong', async () => {
    const vdi = await newVdi(4 * MiB)
    const chunk = (offset: number, bytes: Buffer): Buffer => {
      const header = Buffer.alloc(12)
      header.writeBigUInt64LE(BigInt(offset), 0)
      header.writeUInt32LE(bytes.length, 8)
      return Buffer.concat([header, bytes])
    }
    const end = chunk(0, Buffer.alloc(0))
    const send = async (...chunks: Buffer[]): Promise<Loose> => {
      const body = Buffer.concat(chunks)
      return await put(client, '/import_raw_vdi', Readable.from([body]), {
        length: body.length,
        query: { vdi, format: 'raw', chunked: 'true' },
      })
    }
    await send(chunk(0, Buffer.alloc(4 * MiB, 7)), end)
    const task = await send(chunk(3 * MiB, Buffer.alloc(4096, 1)), chunk(512, Buffer.alloc(1024)), end)
    expect(task).toMatchObject({ status: 'success' })
    const expected = Buffer.alloc(4 * MiB, 7)
      .fill(1, 3 * MiB, 3 * MiB + 4096)
      .fill(0, 512, 1536)
    await get(client, '/export_raw_vdi', { vdi }, join(directory, 'of-chunks.img'))
    expect((await readFile(join(directory, 'of-chunks.img'))).equals(expected)).toBe(true)
    const beyond = await send(chunk(4 * MiB - 512, Buffer.alloc(1024)), end)
    expect(beyond).toMatchObject({ status: 'failure', error_info: ['VDI_IO_ERROR', expect.any(String)] })
    const cut = await send(chunk(0, Buffer.alloc(512)))
    expect(cut).toMatchObject({ status: 'failure', error_info: ['VDI_IO_ERROR', expect.any(String)] })
  })

  test('is exported as the difference to a snapshot', async () => {
    const path = await image('base.img', 8 * MiB)
    const vdi = await newVdi(8 * MiB)
    await put(client, '/import_raw_vdi', createReadStream(path), { length: 8 * MiB, query: { vdi } })
    const first = await client.call('VDI.snapshot', vdi)
    const changed = await readFile(path)
    changed.fill(9, 5 * MiB, 5 * MiB + 8192)
    await writeFile(path, changed)
    await put(client, '/import_raw_vdi', createReadStream(path), { length: 8 * MiB, query: { vdi } })
    const second = await client.call('VDI.snapshot', vdi)
    const names = await Promise.all([first, second].map((ref) => client.call('VDI.get_uuid', ref)))
    await get(client, '/export_raw_vdi', { vdi: first, format: 'vhd' }, join(directory, `${names[0]}.vhd`))
    await get(
      client,
      '/export_raw_vdi',
      { vdi: second, format: 'vhd', base: first },
      join(directory, `${names[1]}.vhd`),
    )
    const { openDisk, compareDisks } = await import('@nixen/disk')
    await using chain = await openDisk(join(directory, `${names[1]}.vhd`))
    await using whole = await openDisk(path, { format: 'raw' })
    expect(chain.info).toMatchObject({ details: { subformat: 'differencing' } })
    expect(await compareDisks(chain, whole)).toEqual({ kind: 'identical' })
  })

  test('is not what a cut upload makes of it without an error', async () => {
    const vdi = await newVdi(8 * MiB)
    const half = Readable.from([Buffer.alloc(MiB, 1)])
    const task = await put(client, '/import_raw_vdi', half, { query: { vdi } })
    expect(task).toMatchObject({ status: 'failure' })
    expect(task.error_info[0]).toBe('VDI_IO_ERROR')
    const before: string[] = await client.call('VDI.get_all')
    const url = new URL('/import_raw_vdi', toolstack.url)
    url.search = String(new URLSearchParams({ session_id: client.session, sr_id: sr }))
    const sent = request(url, { method: 'PUT', headers: { 'content-length': 4 * MiB } })
    sent.on('error', () => undefined)
    sent.write(Buffer.alloc(MiB, 1))
    await new Promise((go) => sent.once('response', go))
    sent.destroy()
    const ends = async (): Promise<string[]> =>
      Object.values<Loose>(await client.call('task.get_all_records'))
        .filter(({ name_label: name }) => name === 'Importing raw VDI')
        .map(({ status }) => status)
    await expect.poll(ends).toEqual(['failure'])
    expect(await client.call('VDI.get_all')).toEqual(before)
  })

  test('is refused with the error of a host', async () => {
    const vdi = await newVdi(2 * MiB)
    expect((await get(client, '/export_raw_vdi', { vdi, format: 'vdx' }, '')).status).toBe(404)
    expect((await get(client, '/export_raw_vdi', { vdi: 'OpaqueRef:none' }, '')).status).toBe(500)
    const chunked = await fetch(`${toolstack.url}/import_raw_vdi?vdi=${vdi}&session_id=${client.session}`, {
      method: 'PUT',
      body: Readable.toWeb(Readable.from([Buffer.alloc(10)])) as never,
      duplex: 'half',
    })
    expect(chunked.status).toBe(403)
    expect(await chunked.text()).toContain('IMPORT_ERROR_CANNOT_HANDLE_CHUNKED')
    const probe = await fetch(`${toolstack.url}/import_raw_vdi?sr_id=${sr}&session_id=${client.session}`, {
      method: 'PUT',
    })
    expect(probe.status).toBe(200)
    expect((await fetch(`${toolstack.url}/export_raw_vdi?vdi=${vdi}`)).status).toBe(401)
  })

  test('of a disk on the storage of another host is fetched there', async () => {
    const [local] = await find(client, 'SR', ({ type }) => type === 'ext')
    const records = await client.call('PBD.get_all_records')
    const pbd: Loose = Object.values<Loose>(records).find((record: Loose) => record.SR === local)
    const address = await client.call('host.get_address', pbd.host)
    const vdi = await newVdi(2 * MiB, { SR: local })
    const elsewhere = toolstack.pools[0]?.addresses.find((candidate) => candidate !== address)
    const url = `http://${elsewhere}:${toolstack.port}/export_raw_vdi?vdi=${vdi}&session_id=${client.session}`
    const response = await fetch(url, { redirect: 'manual' })
    expect(response.status).toBe(302)
    expect(new URL(response.headers.get('location') ?? '').hostname).toBe(address)
  })
})
