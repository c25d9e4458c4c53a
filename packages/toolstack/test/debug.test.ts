import { execFile } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'
import { get } from './transfers.ts'

const run = promisify(execFile)
const MiB = 1024 * 1024

let directory: string
let toolstack: Toolstack
let client: TestClient
let vm: Loose
let vmRef: string
let vdi: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nixen-debug-'))
  const probe = await quickToolstack({ hosts: 2, vms: 6 })
  const [, running] = await find(
    await logIn(probe.url),
    'VM',
    ({ power_state, is_control_domain }) => power_state === 'Running' && !is_control_domain,
  )
  await probe[Symbol.asyncDispose]()
  const raw = join(directory, 'raw.img')
  {
    await using file = await open(raw, 'w')
    await file.truncate(16 * MiB)
    await file.write(Buffer.alloc(4096, 5), 0, 4096, 2 * MiB)
  }
  await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, join(directory, 'disk.qcow2')])
  // The same seed makes the same machines.
  toolstack = await quickToolstack({
    hosts: 2,
    vms: 6,
    debugPort: 0,
    dataDir: join(directory, 'data'),
    images: [{ vm: running.name_label, path: join(directory, 'disk.qcow2') }],
  })
  client = await logIn(toolstack.url)
  ;[vmRef, vm] = await find(client, 'VM', ({ name_label }) => name_label === running.name_label)
  const [, vbd] = await find(
    client,
    'VBD',
    (record) => record.VM === vmRef && record.type === 'Disk' && record.userdevice === '0',
  )
  vdi = vbd.VDI
})
afterAll(async () => {
  await toolstack[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

async function debug(method: string, path: string, body?: Uint8Array<ArrayBuffer> | string): Promise<Loose> {
  const response = await fetch(`${toolstack.pools[0]?.debugUrl}${path}`, {
    method,
    ...(body === undefined ? {} : { body }),
  })
  const isJson = response.headers.get('content-type') === 'application/json'
  return isJson
    ? { status: response.status, ...((await response.json()) as object) }
    : Buffer.from(await response.arrayBuffer())
}

describe('the debug port', () => {
  test('reads the image that a machine was given', async () => {
    const { virtual_size, sm_config } = await client.call('VDI.get_record', vdi)
    expect({ virtual_size, sm_config }).toEqual({ virtual_size: 16 * MiB, sm_config: { 'image-format': 'vhd' } })
    const bytes: Buffer = await debug('GET', `/vms/${vm.uuid}/disks/0?offset=${2 * MiB}&length=4096`)
    expect(bytes.equals(Buffer.alloc(4096, 5))).toBe(true)
  })

  test('writes as the guest does: changed blocks are listed, snapshots keep what was', async () => {
    await client.call('VDI.enable_cbt', vdi)
    const before = await client.call('VDI.snapshot', vdi)
    expect(await debug('PUT', `/vms/${vm.uuid}/disks/0?offset=${MiB + 100}`, Buffer.alloc(1000, 9))).toEqual({
      status: 200,
      written: 1000,
    })
    const after = await client.call('VDI.snapshot', vdi)
    const bits = Buffer.from(await client.call('VDI.list_changed_blocks', before, after), 'base64')
    // 1 MiB is block 16: the first bit of the third byte.
    expect([...bits]).toEqual(Array.from({ length: 32 }, (_, i) => (i === 2 ? 0x80 : 0)))
    const files = await Promise.all(
      [before, after].map(async (ref, i) => {
        const file = join(directory, `${i}.vhd`)
        await get(client, '/export_raw_vdi', { vdi: ref, format: 'vhd' }, file)
        return file
      }),
    )
    const compared = run('qemu-img', ['compare', '-f', 'vpc', '-F', 'vpc', ...files])
    await expect(compared).rejects.toMatchObject({ stdout: expect.stringContaining(`offset ${MiB}`) })
    expect(await client.call('VDI.get_virtual_size', after)).toBe(16 * MiB)
    await client.call('VDI.data_destroy', before)
    expect(await client.call('VDI.list_changed_blocks', before, after)).toBe(bits.toString('base64'))
    expect((await client.refusal('VDI.list_changed_blocks', after, after))[0]).toBe('SR_BACKEND_FAILURE_460')
  })

  test('says what a guest agent would', async () => {
    await debug('PUT', `/vms/${vm.uuid}/guest`, JSON.stringify({ networks: { '0/ip': '10.9.8.7' } }))
    const metrics = await client.call('VM.get_guest_metrics', vmRef)
    expect(await client.call('VM_guest_metrics.get_networks', metrics)).toMatchObject({ '0/ip': '10.9.8.7' })
    expect(await debug('PUT', `/vms/${vm.uuid}/guest`, '{"nets":{}}')).toMatchObject({ status: 400 })
  })

  test('crashes a guest, and takes the power of a host away', async () => {
    await client.call('VM.set_actions_after_crash', vmRef, 'destroy')
    await debug('POST', `/vms/${vm.uuid}/panic`)
    expect(await client.call('VM.get_power_state', vmRef)).toBe('Halted')
    expect(await debug('PUT', `/vms/${vm.uuid}/disks/0?offset=0`, Buffer.alloc(512))).toMatchObject({ status: 409 })
    const [, member] = await find(client, 'host', ({ address }) => address === toolstack.pools[0]?.addresses[1])
    await debug('POST', `/hosts/${member.uuid}/kill`)
    await expect(fetch(`http://${member.address}:${toolstack.port}/`)).rejects.toThrow('fetch failed')
    expect(await client.call('host_metrics.get_live', member.metrics)).toBe(false)
    const [dom0, ...others] = await client.call(
      'host.get_resident_VMs',
      (await find(client, 'host', ({ uuid }) => uuid === member.uuid))[0],
    )
    expect(others).toEqual([])
    expect(await client.call('VM.get_is_control_domain', dom0)).toBe(true)
  })

  test('does not answer web pages', async () => {
    const response = await fetch(`${toolstack.pools[0]?.debugUrl}/vms/x/panic`, {
      method: 'POST',
      headers: { origin: 'http://evil.example' },
    })
    expect(response.status).toBe(403)
  })
})

describe('faults by the debug port', () => {
  test('come and go', async () => {
    const [sr] = await client.call('SR.get_all')
    const rule = { method: 'SR.get_uuid', error: ['INTERNAL_ERROR', 'broken {ref}'] }
    expect(await debug('POST', '/faults', JSON.stringify(rule))).toEqual({ status: 200 })
    expect(await client.refusal('SR.get_uuid', sr)).toEqual(['INTERNAL_ERROR', `broken ${sr}`])
    await debug('DELETE', '/faults')
    expect(await client.call('SR.get_uuid', sr)).toMatch(/^[\da-f-]{36}$/)
  })

  test.each([
    '[]',
    '{}',
    '{"method":5}',
    '{"method":"*","error":"X"}',
    '{"method":"*","error":[]}',
    '{"stream":"*","cutAfter":-1}',
    '{"stream":"*","bytesPerSecond":0}',
    '{"stream":"*","error":["X"]}',
    '{"method":"*","typo":1}',
  ])('are refused when they are %s', async (rule) => {
    expect(await debug('POST', '/faults', rule)).toMatchObject({
      status: 400,
      error: { code: 'toolstack_debug.bad_body' },
    })
  })
})
