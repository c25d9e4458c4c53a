import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { decodeTaskResult } from '@nixen/xapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'
import { get, put } from './transfers.ts'

const run = promisify(execFile)
const MiB = 1024 * 1024

let directory: string
let toolstack: Toolstack
let client: TestClient
let vm: string
let content: Buffer
let plain: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nixen-xva-'))
  toolstack = await quickToolstack({ vms: 4 })
  client = await logIn(toolstack.url)
  const [source] = await find(
    client,
    'VM',
    ({ power_state, is_a_template }) => power_state === 'Halted' && !is_a_template,
  )
  vm = source
  for (const vbd of await client.call('VM.get_VBDs', vm)) await client.call('VBD.destroy', vbd)
  const [SR] = await find(client, 'SR', ({ type }) => type === 'ext')
  content = Buffer.alloc(12 * MiB)
  content.fill('data', 5 * MiB, 6 * MiB + 100)
  for (const [index, userdevice] of ['0', '1'].entries()) {
    const fields = {
      name_label: `disk ${index}`,
      name_description: '',
      type: 'user',
      sharable: false,
      read_only: false,
      other_config: {},
    }
    const vdi = await client.call('VDI.create', { ...fields, SR, virtual_size: 12 * MiB })
    await put(client, '/import_raw_vdi', Readable.from([content]), { length: content.length, query: { vdi } })
    const device = {
      bootable: index === 0,
      mode: 'RW',
      type: 'Disk',
      empty: false,
      unpluggable: true,
      other_config: { owner: '' },
    }
    const qos = { qos_algorithm_type: '', qos_algorithm_params: {} }
    await client.call('VBD.create', { VM: vm, VDI: vdi, userdevice, ...device, ...qos })
  }
  plain = join(directory, 'plain.xva')
  await get(client, '/export', { ref: vm }, plain)
})
afterAll(async () => {
  await toolstack[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

async function upload(file: string, query: Record<string, string> = {}): Promise<Loose> {
  const { size } = await stat(file)
  return await put(client, '/import', createReadStream(file), { length: size, query })
}

const vdis = async (): Promise<number> => (await client.call('VDI.get_all')).length

describe('an XVA', () => {
  test('is an archive that tar lists, description first', async () => {
    const { stdout } = await run('tar', ['tf', plain])
    const names = stdout.trim().split('\n')
    expect(names[0]).toBe('ova.xml')
    expect(names).toContainEqual(expect.stringMatching(/^Ref:\d+\/00000005$/))
    const checksums = names.filter((name) => name.endsWith('.xxhash'))
    expect(checksums.length * 2).toBe(names.length - 1)
  })

  test.each(['true', 'zstd', 'none'])('with use_compression=%s becomes the same VM again', async (use_compression) => {
    const file = join(directory, `${use_compression}.xva`)
    await get(client, '/export', { uuid: await client.call('VM.get_uuid', vm), use_compression }, file)
    const task = await upload(file)
    expect(task).toMatchObject({ status: 'success', other_config: { object_creation: 'complete' } })
    const [imported = ''] = decodeTaskResult(task.result, 'set(ref:VM)') as string[]
    const [before, after] = await Promise.all([vm, imported].map((ref) => client.call('VM.get_record', ref)))
    expect(after).toMatchObject({
      name_label: before.name_label,
      power_state: 'Halted',
      memory_static_max: before.memory_static_max,
    })
    expect(after.uuid).not.toBe(before.uuid)
    expect(after.VIFs).toHaveLength(before.VIFs.length)
    for (const ref of after.VBDs) {
      const { VDI, type } = await client.call('VBD.get_record', ref)
      expect(type).toBe('Disk')
      const out = join(directory, 'disk.img')
      await get(client, '/export_raw_vdi', { vdi: VDI, format: 'raw' }, out)
      expect((await readFile(out)).equals(content)).toBe(true)
    }
    expect(after.VBDs).toHaveLength(2)
  })

  test('of a snapshot alone becomes a machine', async () => {
    const snapshot = await client.call('VM.snapshot', vm, 'then', [])
    const file = join(directory, 'snapshot.xva')
    expect((await get(client, '/export', { ref: snapshot }, file)).status).toBe(200)
    const { status, result } = await put(client, '/import', createReadStream(file), { query: {} })
    expect(status).toBe('success')
    const [made] = decodeTaskResult(result) as string[]
    expect(await client.call('VM.get_record', made)).toMatchObject({
      name_label: 'then',
      is_a_snapshot: false,
      is_a_template: false,
      snapshot_of: 'OpaqueRef:NULL',
    })
    expect(await client.call('VM.get_VBDs', made)).toHaveLength(2)
    await client.call('VM.start', made, false, false)
    await client.call('VM.hard_shutdown', made)
    for (const each of [made, snapshot]) await client.call('VM.destroy', each)
  })

  test('restored keeps what is free', async () => {
    const [before] = [await client.call('VM.get_record', vm)]
    const task = await upload(plain, { restore: 'true' })
    const [imported = ''] = decodeTaskResult(task.result, 'set(ref:VM)') as string[]
    const { VIFs, uuid } = await client.call('VM.get_record', imported)
    expect(uuid).not.toBe(before.uuid)
    const macs = async (refs: string[]): Promise<string[]> =>
      (await Promise.all(refs.map((ref) => client.call('VIF.get_MAC', ref)))).toSorted((a, b) => a.localeCompare(b))
    expect(await macs(VIFs)).toEqual(await macs(before.VIFs))
  })

  test('that is cut, damaged or something else leaves nothing', async () => {
    const count = await vdis()
    const bytes = await readFile(plain)
    const file = join(directory, 'bad.xva')
    const cases: [Buffer, string][] = [
      [bytes.subarray(0, bytes.length / 2), 'IMPORT_ERROR_PREMATURE_EOF'],
      [Buffer.concat([Buffer.alloc(1024, 1)]), 'IMPORT_ERROR'],
    ]
    const damaged = Buffer.from(bytes)
    damaged[damaged.indexOf('datadatadata')] = 0
    cases.push([damaged, 'IMPORT_ERROR_SOME_CHECKSUMS_FAILED'])
    for (const [content, code] of cases) {
      await writeFile(file, content)
      const task = await upload(file)
      expect(task).toMatchObject({ status: 'failure' })
      expect(task.error_info[0]).toContain(code)
    }
    await writeFile(file, damaged)
    expect(await upload(file, { force: 'true' })).toMatchObject({ status: 'success' })
    await truncate(file, 0)
    expect(await vdis()).toBe(count + 2)
  })

  test('of metadata alone makes a VM on the disks that are here', async () => {
    const file = join(directory, 'metadata.xva')
    const response = await get(client, '/export_metadata', { ref: vm }, file)
    expect(Number(response.headers.get('content-length'))).toBe((await stat(file)).size)
    const { stdout } = await run('tar', ['tf', file])
    expect(stdout).toBe('ova.xml\n')
    const body = (): Readable => createReadStream(file)
    const length = (await stat(file)).size
    const dry = await put(client, '/import_metadata', body(), { length, query: { dry_run: 'true' } })
    expect(dry).toMatchObject({ status: 'success' })
    const task = await put(client, '/import_metadata', body(), { length, query: {} })
    const [imported = ''] = decodeTaskResult(task.result, 'set(ref:VM)') as string[]
    expect(await client.call('VM.get_VBDs', imported)).toHaveLength(2)
  })

  test('takes the content of a VTPM along', async () => {
    const vtpm = await client.call('VTPM.create', vm, true)
    await client.call('VTPM.set_contents', vtpm, 'c2VjcmV0')
    const file = join(directory, 'vtpm.xva')
    await get(client, '/export', { ref: vm }, file)
    await client.call('VTPM.destroy', vtpm)
    const { result } = await upload(file)
    const [imported] = decodeTaskResult(result) as string[]
    const [copy] = await client.call('VM.get_VTPMs', imported)
    expect(await client.call('VTPM.get_contents', copy)).toBe('c2VjcmV0')
    expect(await client.call('VTPM.get_record', copy)).toMatchObject({ VM: imported, is_unique: true })
    await client.call('VM.destroy', imported)
    expect((await client.refusal('VTPM.get_record', copy))[0]).toBe('HANDLE_INVALID')
  })
})
