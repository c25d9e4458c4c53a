import { isAppError, streamOf } from '@nixen/core'
import { startScriptedXapi } from '@nixen/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Xapi } from '../session/xapi.ts'
import { readRrdUpdates } from './read-updates.ts'
import { unitOf } from './units.ts'
import { rrdUpdates } from './updates.ts'

const uuid = '0f32651b-241c-4786-8a31-f3d905b5e740'
const legend = [`AVERAGE:vm:${uuid}:cpu0`, `AVERAGE:vm:${uuid}:memory`, `AVERAGE:host:${uuid}:pif_eth0_rx`]
const meta = { start: 1700000000, step: 5, end: 1700000010, rows: 2, columns: 3, legend }
// Newest first, as hosts send them.
const strict = JSON.stringify({
  meta,
  data: [
    { t: 1700000010, values: ['0.25', '4.29e+09', 'NaN'] },
    { t: 1700000005, values: ['0.5', '1', 'Infinity'] },
  ],
})
const loose = `{meta: {start:1700000000,step:5,end:1700000010,rows:2,columns:3,legend:${JSON.stringify(legend)}},
data: [{t:1700000010,values:[0.25,4.29e+09,NaN]},{t:1700000005,values:[0.5,1,Infinity]}]}`
const xml = `<?xml version="1.0"?><xport><meta><start>1700000000</start><step>5</step><end>1700000010</end><rows>2</rows><columns>3</columns>
<legend>${legend.map((entry) => `<entry>${entry}</entry>`).join('')}</legend></meta><data>
<row><t>1700000010</t><v>0.25</v><v>4.29e+09</v><v>NaN</v></row><row><t>1700000005</t><v>0.5</v><v>1</v><v>Infinity</v></row></data></xport>`

async function read(text: string, partSize = text.length || 1) {
  const bytes = Buffer.from(text)
  const parts = Array.from({ length: Math.ceil(bytes.length / partSize) }, (_, i) =>
    bytes.subarray(i * partSize, (i + 1) * partSize),
  )
  return await readRrdUpdates(streamOf(...parts))
}

describe.each([
  ['JSON', strict],
  ['JSON of older hosts', loose],
  ['XML', xml],
])('measurements in %s', (_, text) => {
  test.each([1, 7, 100_000])('become series, oldest first, in parts of %i bytes', async (partSize) => {
    const updates = await read(text, partSize)
    expect(updates).toMatchObject({ start: 1_700_000_000_000, end: 1_700_000_010_000, step: 5000 })
    expect([...updates.times]).toEqual([1_700_000_005_000, 1_700_000_010_000])
    expect(updates.series.map(({ name, unit, owner, values }) => [name, unit, owner, [...values]])).toEqual([
      ['cpu0', '(fraction)', 'vm', [0.5, 0.25]],
      ['memory', 'B', 'vm', [1, 4.29e9]],
      ['pif_eth0_rx', 'B/s', 'host', [Infinity, Number.NaN]],
    ])
  })

  test('that break off anywhere are an error, never less data', async () => {
    for (let length = 0; length < text.trimEnd().length - (text.startsWith('<') ? 8 : 1); length++) {
      await expect(read(text.slice(0, length)), `${length} characters`).rejects.toMatchObject({ name: 'AppError' })
    }
  })
})

test.each(['', 'nonsense', '[]', '{"data":[]}', '{"meta":{},"data":[]}', '<html><data></data></html>'])(
  'what is not measurements (%j) is a typed error',
  async (text) => {
    await expect(read(text)).rejects.toMatchObject({ name: 'AppError' })
  },
)

test('a row with another number of values than the legend is refused', async () => {
  await expect(read(strict.replace('"0.25",', ''))).rejects.toMatchObject({ code: 'xapi.bad_answer' })
})

test('no garbage makes it throw anything but a typed error', async () => {
  const edit = fc.record({ at: fc.nat(strict.length), drop: fc.nat(20), put: fc.string({ maxLength: 5 }) })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(strict, loose, xml), edit, async (text, { at, drop, put }) => {
      const error: unknown = await read(text.slice(0, at) + put + text.slice(at + drop)).then(
        () => undefined,
        (failure: unknown) => failure,
      )
      expect(error === undefined || isAppError(error)).toBe(true)
    }),
  )
})

test.each([
  ['cpu12', '(fraction)'],
  ['vbd_xvda_write', 'B/s'],
  ['vbd_xvda_iops_total', '/s'],
  ['io_throughput_read_1a2b3c4d', 'MiB/s'],
  ['vbd_xvda_read_latency', 'µs'],
  ['memory_total_kib', 'KiB'],
  ['memory_internal_free', 'KiB'],
  ['vif_0_rx_errors', '/s'],
  ['read_1a2b3c4d', 'B/s'],
  ['running_domains', '1'],
])('%s is measured in %s', (name, unit) => {
  expect(unitOf(name)).toBe(unit)
})

test('updates are asked for with seconds, and read', async () => {
  await using server = await startScriptedXapi({ pool: { vms: 1 } })
  await using xapi = await Xapi.connect({ url: server.url, username: 'root', password: 'secret' })
  server.route('GET', '/rrd_updates', (_, response) => response.end(strict))
  const updates = await rrdUpdates(xapi, { start: 1_700_000_000_000, interval: 5000, includeHost: true })
  expect(updates.series).toHaveLength(3)
  expect(server.seen.at(-1)?.url).toBe('/rrd_updates?start=1700000000&cf=AVERAGE&interval=5&host=true&json=true')
})
