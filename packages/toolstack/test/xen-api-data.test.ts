import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createClient } from 'xen-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startToolstack, type Toolstack } from '../src/index.ts'
import type { Loose } from './client.ts'

// Disks and machines in and out by the npm client that Xen Orchestra uses, over TLS, on a disk that has a file.
const run = promisify(execFile)
const MiB = 1024 * 1024
const size = 12 * MiB

let directory: string
let toolstack: Toolstack
let client: Loose
let content: Buffer
let image: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nixen-xen-api-'))
  // Data at the start, across a block's edge and at the end; the rest is zeros.
  content = Buffer.alloc(size)
  for (const [from, length] of [
    [0, 4096],
    [2 * MiB - 700, 1400],
    [size - 512, 512],
  ] as const)
    randomBytes(length).copy(content, from)
  image = join(directory, 'disk.img')
  await writeFile(image, content)
  toolstack = await startToolstack({ hosts: 2, vms: 6, seed: 3, dataDir: join(directory, 'data') })
  client = createClient({
    url: toolstack.url,
    auth: { user: 'root', password: 'nixen' },
    allowUnauthorized: true,
    debounce: 10,
  })
  await client.connect()
  await client.objectsFetched
})

afterAll(async () => {
  await client.disconnect()
  // Its logout goes out unwatched, and ends its wait for events.
  await setTimeout(200)
  await toolstack[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

function first(type: string, wanted: (record: Loose) => boolean): Loose {
  const all: Loose[] = Object.values(client.objects.all)
  const found = all.find((object) => object.$type === type && wanted(object))
  if (!found) throw new Error(`No such ${type}`)
  return found
}

async function newVdi(srType = 'nfs'): Promise<string> {
  return await client.call('VDI.create', {
    name_label: 'disk',
    name_description: '',
    SR: first('SR', ({ type }) => type === srType).$ref,
    virtual_size: size,
    type: 'user',
    sharable: false,
    read_only: false,
    other_config: {},
  })
}

async function download(path: string, query: Record<string, string>, name: string): Promise<string> {
  const file = join(directory, name)
  const response = await client.getResource(path, { query })
  // Taken as it comes: undici fails when a body that ends with the connection has to wait at its end.
  await writeFile(file, Buffer.from(await response.body.arrayBuffer()))
  await response.task
  return file
}

/** Of known length, or as the client does it with a stream whose length nobody knows. */
async function upload(
  file: string,
  path: string,
  { query, known = true }: { query: Record<string, string>; known?: boolean },
): Promise<Loose> {
  const stream = createReadStream(file)
  if (known) Object.assign(stream, { length: (await stat(file)).size })
  return await client.putResource(stream, path, { query })
}

describe('the npm client xen-api moves data', () => {
  test('of a VDI in and out, raw', async () => {
    const vdi = await newVdi()
    expect(await upload(image, '/import_raw_vdi/', { query: { vdi, format: 'raw' } })).toBe(vdi)
    const out = await download('/export_raw_vdi/', { vdi, format: 'raw' }, 'out.img')
    expect((await readFile(out)).equals(content)).toBe(true)
  })

  test('of a VDI in and out as VHD, of known length and of unknown length', async () => {
    const source = await newVdi('ext')
    await upload(image, '/import_raw_vdi/', { query: { vdi: source, format: 'raw' } })
    const vhd = await download('/export_raw_vdi/', { vdi: source, format: 'vhd' }, 'out.vhd')
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'vpc', image, vhd])
    for (const known of [true, false]) {
      const vdi = await newVdi()
      await upload(vhd, '/import_raw_vdi/', { query: { vdi, format: 'vhd' }, known })
      const out = await download('/export_raw_vdi/', { vdi, format: 'raw' }, `again-${known}.img`)
      expect((await readFile(out)).equals(content)).toBe(true)
    }
  })

  test('of a VDI as the difference to its snapshot', async () => {
    const vdi = await newVdi()
    await upload(image, '/import_raw_vdi/', { query: { vdi, format: 'raw' } })
    const base = await client.call('VDI.snapshot', vdi)
    const changed = Buffer.from(content)
    randomBytes(1024).copy(changed, 5 * MiB)
    // Zeros over data are a change too.
    changed.fill(0, 1024, 4096)
    changed.fill(0, size - 512)
    const file = join(directory, 'changed.img')
    await writeFile(file, changed)
    await upload(file, '/import_raw_vdi/', { query: { vdi, format: 'raw' } })
    const delta = await download('/export_raw_vdi/', { vdi, base, format: 'vhd' }, 'delta.vhd')
    // What changed and no more goes into a copy of the base.
    const copy = await newVdi()
    await upload(image, '/import_raw_vdi/', { query: { vdi: copy, format: 'raw' } })
    await upload(delta, '/import_raw_vdi/', { query: { vdi: copy, format: 'vhd' } })
    const out = await download('/export_raw_vdi/', { vdi: copy, format: 'raw' }, 'merged.img')
    expect((await readFile(out)).equals(changed)).toBe(true)
  })

  test('and learns from the task that an upload failed', async () => {
    const vdi = await newVdi()
    await expect(upload(image, '/import_raw_vdi/', { query: { vdi, format: 'vhd' } })).rejects.toMatchObject({
      code: 'VDI_IO_ERROR',
    })
  })

  test.each(['false', 'gzip', 'zstd'])('of a VM out as XVA and in again, compression %s', async (use_compression) => {
    const vm = await vmWithDisk(`exported with ${use_compression}`)
    const xva = await download('/export/', { ref: vm, use_compression }, `${use_compression}.xva`)
    await run('tar', ['tf', xva])
    const sr = first('SR', ({ type }) => type === 'ext')
    const refs: string[] = await upload(xva, '/import/', { query: { sr_id: sr.$ref } })
    expect(refs).toHaveLength(1)
    const imported = await client.getRecord('VM', refs[0])
    expect(imported.name_label).toBe(`exported with ${use_compression}`)
    const { VDI } = await client.getRecord('VBD', imported.VBDs[0])
    const out = await download('/export_raw_vdi/', { vdi: VDI, format: 'raw' }, 'of-import.img')
    expect((await readFile(out)).equals(content)).toBe(true)
  })
})

async function vmWithDisk(name: string): Promise<string> {
  const template = first('VM', (vm) => vm.is_default_template && vm.name_label === 'Other install media')
  const vm = await client.callAsync('VM.clone', template.$ref, name)
  await client.callAsync('VM.provision', vm)
  for (const vbd of await client.call('VM.get_VBDs', vm)) await client.call('VBD.destroy', vbd)
  const vdi = await newVdi()
  await upload(image, '/import_raw_vdi/', { query: { vdi, format: 'raw' } })
  await client.call('VBD.create', {
    VM: vm,
    VDI: vdi,
    userdevice: '0',
    bootable: true,
    mode: 'RW',
    type: 'Disk',
    empty: false,
    unpluggable: true,
    other_config: {},
    qos_algorithm_type: '',
    qos_algorithm_params: {},
  })
  return vm
}
