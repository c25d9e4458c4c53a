import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'

let toolstack: Toolstack
let client: TestClient

beforeAll(async () => {
  toolstack = await quickToolstack({ hosts: 2, vms: 6, clock: fixedClock })
  client = await logIn(toolstack.url)
})
afterAll(() => toolstack[Symbol.asyncDispose]())

const now = Date.UTC(2026, 5, 1, 12, 0, 3)
const fixedClock = {
  now: () => now,
  monotonic: () => performance.now(),
  sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
}

async function fetchText(path: string, query: Record<string, string>): Promise<Response> {
  const url = new URL(path, toolstack.url)
  url.search = String(new URLSearchParams({ ...query, session_id: client.session }))
  return await fetch(url, { redirect: 'manual' })
}

describe('measurements', () => {
  test('of the running machines of a host come newest first, with numbers as strings', async () => {
    const start = String(now / 1000 - 300)
    const response = await fetchText('/rrd_updates', { start, cf: 'AVERAGE', host: 'true', json: '' })
    const { meta, data }: Loose = await response.json()
    expect(meta).toMatchObject({ step: 5, rows: 60, columns: meta.legend.length, end: now / 1000 - 3 })
    const [host] = await client.call('host.get_all')
    const [master, vms] = await Promise.all(
      ['uuid', 'resident_VMs'].map((field) => client.call(`host.get_${field}`, host)),
    )
    expect(meta.legend).toContain(`AVERAGE:host:${master}:cpu_avg`)
    expect(new Set(meta.legend.map((name: string) => name.split(':')[1]))).toEqual(new Set(['host', 'vm']))
    expect(vms.length).toBeGreaterThan(1)
    expect(data[0].t).toBe(meta.end)
    expect(data[0].t - data[1].t).toBe(5)
    expect(data[0].values[0]).toEqual(expect.any(String))
    const column = meta.legend.findIndex((name: string) => name.endsWith(':cpu0'))
    const values = data.map(({ values: row }: Loose) => Number(row[column]))
    expect(new Set(values).size).toBeGreaterThan(10)
    expect(values.every((value: number) => value >= 0 && value <= 1)).toBe(true)
    const again: Loose = await (
      await fetchText('/rrd_updates', { start, cf: 'AVERAGE', host: 'true', json: '' })
    ).json()
    expect(again.data).toEqual(data)
  })

  test.each([
    ['-600', '', 5],
    ['-7200', '60', 60],
    ['-600000', '', 3600],
    ['-2000000', '', 86_400],
  ])('since %s every %s seconds have steps of %i', async (start, interval, step) => {
    const query = { start, ...(interval === '' ? {} : { interval }), json: 'true' }
    const { meta }: Loose = await (await fetchText('/rrd_updates', query)).json()
    expect(meta.step).toBe(step)
  })

  test('come as XML too, need a start, and are those of another host over there', async () => {
    const xml = await (await fetchText('/rrd_updates', { start: '-60', host: 'true' })).text()
    expect(xml).toMatch(/^<xport><meta><start>\d+<\/start>.*<legend><entry>AVERAGE:host:/)
    expect((await fetchText('/rrd_updates', {})).status).toBe(500)
    const [host] = await client.call('host.get_all')
    const [, vm] = await find(client, 'VM', (record) => record.power_state === 'Running' && record.resident_on !== host)
    expect((await fetchText('/vm_rrd', { uuid: vm.uuid })).status).toBe(302)
    const rrd = await (await fetchText('/host_rrd', {})).text()
    expect(rrd.match(/<rra>/g)).toHaveLength(4)
    const json: Loose = await (await fetchText('/host_rrd', { json: 'true' })).json()
    expect(json.rra[0].database).toHaveLength(120)
  })
})
