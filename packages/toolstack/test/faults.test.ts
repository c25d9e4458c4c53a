import { request } from 'node:http'
import { Readable } from 'node:stream'
import { MiB } from '@nixen/core'
import { openNbd } from '@nixen/disk'
import { describe, expect, test } from 'vitest'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'
import { put } from './transfers.ts'

describe('faults', () => {
  test('make calls fail with the error asked for, as often as asked for', async () => {
    await using toolstack = await quickToolstack({ vms: 3 })
    const client = await logIn(toolstack.url)
    const [vm] = await find(client, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
    const faults = toolstack.pools[0]!.faults
    const rule = faults.add({
      method: 'VM.start',
      count: 2,
      error: ['SR_BACKEND_FAILURE_46', '', 'The VDI is not available', '{ref}'],
    })
    const expected = ['SR_BACKEND_FAILURE_46', '', 'The VDI is not available', vm]
    expect(await client.refusal('VM.start', vm, false, false)).toEqual(expected)
    expect((await client.task('VM.start', vm, false, false)).error_info).toEqual(expected)
    await client.call('VM.start', vm, false, false)
    expect(rule.used).toBe(2)
  })

  test('fit classes, single objects and a share of calls', async () => {
    await using toolstack = await quickToolstack({ vms: 3 })
    const client = await logIn(toolstack.url)
    const faults = toolstack.pools[0]!.faults
    const [network] = await client.call('network.get_all')
    const only = faults.add({ method: 'network.*', ref: network, error: ['INTERNAL_ERROR', 'broken'] })
    expect(await client.refusal('network.get_uuid', network)).toEqual(['INTERNAL_ERROR', 'broken'])
    expect(await client.call('network.get_all')).toHaveLength(5)
    only.remove()
    faults.add({ method: 'VM.get_all', probability: 0.5, error: ['HOST_OFFLINE', 'x'] })
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, () => client.call('VM.get_all')))
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected').length
    expect(failed).toBeGreaterThan(60)
    expect(failed).toBeLessThan(140)
    faults.clear()
    expect(await client.call('VM.get_all')).not.toHaveLength(0)
  })

  test('make calls slow', async () => {
    await using toolstack = await quickToolstack()
    const client = await logIn(toolstack.url)
    toolstack.pools[0]!.faults.add({ method: '*', delay: 200 })
    const started = performance.now()
    await client.call('VM.get_all')
    expect(performance.now() - started).toBeGreaterThan(190)
  })
})

describe('faults of streams', () => {
  const size = 4 * 1024 * 1024

  async function disk(client: TestClient): Promise<string> {
    const [sr] = await find(client, 'SR', (each) => each.type === 'ext')
    const empty = { other_config: {}, sm_config: {}, xenstore_data: {}, tags: [] }
    const flags = { type: 'user', sharable: false, read_only: false }
    return await client.call('VDI.create', {
      SR: sr,
      virtual_size: size,
      name_label: 'd',
      name_description: '',
      ...flags,
      ...empty,
    })
  }

  const download = (client: TestClient, vdi: string): Promise<ArrayBuffer> =>
    fetch(`${client.url}/export_raw_vdi?session_id=${client.session}&vdi=${vdi}&format=raw`).then((response) =>
      response.arrayBuffer(),
    )

  test('cut and slow downloads', async () => {
    await using toolstack = await quickToolstack()
    const client = await logIn(toolstack.url)
    const vdi = await disk(client)
    const { faults } = toolstack.pools[0]!
    const cut = faults.add({ stream: '/export*', cutAfter: 1_000_000, count: 1 })
    await expect(download(client, vdi)).rejects.toThrow('terminated')
    expect(cut.used).toBe(1)
    const [, task] = await find(client, 'task', ({ name_label }) => name_label === 'Exporting raw VDI')
    expect(task).toMatchObject({
      status: 'failure',
      error_info: ['VDI_IO_ERROR', 'The stream was cut by a fault rule'],
    })
    faults.add({ stream: '/export_raw_vdi', bytesPerSecond: 8 * size })
    const started = performance.now()
    expect((await download(client, vdi)).byteLength).toBe(size)
    expect(performance.now() - started).toBeGreaterThan(110)
  })

  test('cut uploads, which leave no half-written machine', async () => {
    await using toolstack = await quickToolstack({ vms: 2 })
    const client = await logIn(toolstack.url)
    const vdi = await disk(client)
    const { faults } = toolstack.pools[0]!
    faults.add({ stream: '/import_raw_vdi', cutAfter: 1_000_000 })
    const query = { vdi, format: 'raw' }
    const body = (): Readable => Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(size / 64, 1)))
    for (const length of [size, undefined]) {
      const task = await put(client, '/import_raw_vdi', body(), { query, ...(length ? { length } : {}) })
      expect(task).toMatchObject({
        status: 'failure',
        error_info: ['VDI_IO_ERROR', 'The stream was cut by a fault rule'],
      })
    }
    const url = `${client.url}/import_raw_vdi?session_id=${client.session}&vdi=${vdi}&format=raw`
    const sent = request(url, { method: 'PUT', headers: { 'content-length': size }, agent: false })
    sent.on('error', () => undefined)
    const closed = new Promise((resolve) => sent.once('close', resolve))
    // It ends though half of what was announced never comes.
    sent.write(Buffer.alloc(size / 2))
    await closed
    // The disk is given back soon after.
    await expect.poll(() => client.call('VDI.get_VBDs', vdi)).toEqual([])
    faults.clear()
    expect(await put(client, '/import_raw_vdi', body(), { query, length: size })).toMatchObject({ status: 'success' })
  })

  test('break reads over NBD', async () => {
    await using toolstack = await quickToolstack()
    const client = await logIn(toolstack.url)
    const vdi = await disk(client)
    const [, pif] = await find(client, 'PIF', ({ IP }) => IP !== '')
    await client.call('network.add_purpose', pif.network, 'insecure_nbd')
    toolstack.pools[0]!.faults.add({ stream: 'nbd', cutAfter: 1024 * 1024 })
    const [info] = await client.call('VDI.get_nbd_info', vdi)
    await using source = await openNbd({ host: info.address, port: info.port, exportName: info.exportname })
    const block = new Uint8Array(512 * 1024)
    await source.read(0, block)
    await expect(source.read(0, new Uint8Array(1024 * 1024))).rejects.toThrow('EIO')
  })
})

describe('an SR that gets full', () => {
  test('fails what needs room on it, keeps what was there, and goes on when there is room again', async () => {
    await using toolstack = await quickToolstack({ vms: 3, debugPort: 0 })
    const client = await logIn(toolstack.url)
    const [pool] = toolstack.pools
    const [sr, { uuid }] = await find(client, 'SR', (each) => each.type === 'ext')
    const fields = { SR: sr, virtual_size: 16 * MiB, type: 'user', sharable: false, read_only: false, other_config: {} }
    const names = { name_label: 'd', name_description: '' }
    const vdi = await client.call('VDI.create', { ...names, ...fields })
    const upload = async (value: number): Promise<Loose> => {
      const task = await client.call('task.create', 'upload', '')
      const url = `${toolstack.url}/import_raw_vdi?session_id=${client.session}&task_id=${task}&vdi=${vdi}`
      await fetch(url, { method: 'PUT', body: new Uint8Array(16 * MiB).fill(value) }).then((answer) => answer.text())
      await expect.poll(() => client.call('task.get_status', task)).not.toBe('pending')
      return await client.call('task.get_record', task)
    }
    expect((await upload(1)).status).toBe('success')
    const body = JSON.stringify({ sr: uuid, space: 6 * MiB })
    expect((await fetch(`${pool!.debugUrl}/faults`, { method: 'POST', body })).status).toBe(200)
    const noSpace = ['SR_BACKEND_FAILURE_44', '', 'There is insufficient space', '']
    const failed = await upload(2)
    expect(failed).toMatchObject({ status: 'failure', error_info: noSpace })
    pool!.faults.clear()
    const rule = pool!.faults.add({ sr: uuid, space: 0 })
    const before = await client.call('VDI.get_all')
    expect(await client.refusal('VDI.create', { ...names, ...fields })).toEqual(noSpace)
    expect(await client.refusal('VDI.snapshot', vdi, {})).toEqual(noSpace)
    expect(await client.refusal('VDI.clone', vdi, {})).toEqual(noSpace)
    expect(await client.call('VDI.get_all')).toEqual(before)
    expect(rule.used).toBe(3)
    const whole = `${toolstack.url}/export_raw_vdi?session_id=${client.session}&vdi=${vdi}`
    expect(new Uint8Array(await (await fetch(whole)).arrayBuffer()).length).toBe(16 * MiB)
    rule.remove()
    expect((await upload(3)).status).toBe('success')
    const bytes = new Uint8Array(await (await fetch(whole)).arrayBuffer())
    expect(Buffer.from(bytes).equals(Buffer.alloc(16 * MiB, 3))).toBe(true)
    expect((await fetch(`${pool!.debugUrl}/faults`, { method: 'POST', body: '{"sr":"*"}' })).status).toBe(400)
  })
})
