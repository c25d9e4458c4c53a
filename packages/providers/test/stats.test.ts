import { typeOfId, type Host } from '@nixen/api'
import { systemClock } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { Reader, type AnyObject } from '../src/conformance/index.ts'
import { xapiProvider, type Metric, type Stats } from '../src/index.ts'
import { chooseArchive } from '../src/xapi/rrd-stats.ts'
import { quickToolstack, specOf } from './connect.ts'

const minute = 60_000
const day = 24 * 60 * minute

const metrics = (stats: Stats): Metric[] => [...new Set(stats.series.map(({ metric }) => metric))].sort()

const common: Metric[] = ['cpu', 'cpu-core', 'memory-free', 'memory-total', 'memory-used']
const kinds: readonly [string, (object: AnyObject) => boolean, readonly Metric[]][] = [
  ['host', (object) => typeOfId(object.id) === 'host', [...common, 'load', 'network-receive', 'power']],
  [
    'vm',
    (object) => typeOfId(object.id) === 'vm' && 'power' in object && object.power === 'running',
    [...common, 'disk-read', 'disk-write', 'network-send'],
  ],
  [
    'storage',
    (object) => typeOfId(object.id) === 'storage' && 'state' in object && object.state === 'ok',
    ['disk-read', 'disk-write', 'disk-read-ops'],
  ],
]

describe('stats', () => {
  test.each(kinds)(
    'of each %s come as series of the contract, from the host that has them',
    async (_, wanted, named) => {
      await using toolstack = await quickToolstack({ hosts: 3, vms: 8 })
      await using reader = new Reader({ provider: xapiProvider, spec: specOf(toolstack) })
      await reader.until(() => reader.synced > 0)
      const objects = [...reader.objects.values()].filter(wanted)
      expect(objects.length).toBeGreaterThan(2)
      for (const { id } of objects) {
        const stats = await reader.keeper.session.stats({ id, from: systemClock.now() - 10 * minute })
        expect(metrics(stats)).toEqual(expect.arrayContaining([...named]))
        expect(stats.step).toBe(5000)
        expect(stats.times.length).toBeGreaterThan(100)
        expect([...stats.times].sort((a, b) => a - b)).toEqual(stats.times)
        expect(stats.series.every(({ values }) => values.length === stats.times.length)).toBe(true)
      }
    },
  )

  test('have the units of the contract', async () => {
    await using toolstack = await quickToolstack({ hosts: 1, vms: 1 })
    await using reader = new Reader({ provider: xapiProvider, spec: specOf(toolstack) })
    await reader.until(() => reader.synced > 0)
    const host = [...reader.objects.values()].find((object) => typeOfId(object.id) === 'host')
    const { series } = await reader.keeper.session.stats({ id: host!.id, from: systemClock.now() - 5 * minute })
    const last = (metric: Metric): unknown => series.find((each) => each.metric === metric)?.values.at(-1)
    expect(last('memory-total')).toBe((host as Host).memory)
    expect(last('cpu')).toBeLessThanOrEqual(1)
  })

  test('of what is not measured are refused', async () => {
    await using toolstack = await quickToolstack()
    await using reader = new Reader({ provider: xapiProvider, spec: specOf(toolstack) })
    await reader.until(() => reader.synced > 0)
    const pool = [...reader.objects.keys()].find((id) => typeOfId(id) === 'pool')
    const answer = reader.keeper.session.stats({ id: pool!, from: 0 })
    await expect(answer).rejects.toMatchObject({ code: 'connection.unsupported' })
  })

  test.each([
    [5 * minute, undefined, 5000],
    [10 * minute, undefined, 5000],
    [10 * minute + 4000, undefined, 5000],
    [11 * minute, undefined, minute],
    [5 * minute, minute, minute],
    [5 * minute, 2 * minute, 60 * minute],
    [3 * 60 * minute, undefined, 60 * minute],
    [8 * day, undefined, day],
    [900 * day, undefined, day],
  ])('reaching %d ms back with a step of %s use the archive of %d ms', (back, step, expected) => {
    const now = 2_000_000_000_000
    const chosen = chooseArchive({ from: now - back, now, step })
    expect(chosen.step).toBe(expected)
    expect(chosen.start).toBeGreaterThanOrEqual(now - back)
  })
})
