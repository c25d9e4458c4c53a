import { Stats, typeOfId, type Host } from '@nixen/api'
import { systemClock } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { Reader, type AnyObject } from '../src/conformance/index.ts'
import { xapiProvider } from '../src/index.ts'
import { chooseArchive, statsOf } from '../src/xapi/rrd-stats.ts'
import { quickToolstack, specOf } from './connect.ts'

const minute = 60_000
const day = 24 * 60 * minute

const names = ({ series }: Stats): string[] => series.map(({ name }) => name)
/** A device of a metric. */
const one = (metric: string): unknown => expect.stringMatching(new RegExp(`^${metric}\\.\\w+$`))

const common = ['cpu', 'cpu.0', 'memory', 'memory.free', 'memory.total']
const kinds: readonly [string, (object: AnyObject) => boolean, readonly unknown[]][] = [
  ['host', (object) => typeOfId(object.id) === 'host', [...common, 'load', 'network.receive', 'power']],
  [
    'vm',
    (object) => typeOfId(object.id) === 'vm' && 'power' in object && object.power === 'running',
    [...common, one('disk.read'), one('disk.write'), one('network.transmit')],
  ],
  [
    'storage',
    (object) => typeOfId(object.id) === 'storage' && 'state' in object && object.state === 'ok',
    [one('disk.read'), one('disk.write'), one('disk.read-operations')],
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
        expect(Stats.parse(stats)).toEqual(stats)
        expect(names(stats)).toEqual(expect.arrayContaining([...named]))
        expect(new Set(names(stats)).size).toBe(stats.series.length)
        expect(stats.step).toBe(5000)
        expect(Math.abs(stats.start - (systemClock.now() - 10 * minute))).toBeLessThan(minute)
        const lengths = new Set(stats.series.map(({ values }) => values.length))
        expect(lengths.size).toBe(1)
        expect([...lengths][0]).toBeGreaterThan(100)
      }
    },
  )

  test('have the units of the contract', async () => {
    await using toolstack = await quickToolstack({ hosts: 1, vms: 1 })
    await using reader = new Reader({ provider: xapiProvider, spec: specOf(toolstack) })
    await reader.until(() => reader.synced > 0)
    const host = [...reader.objects.values()].find((object) => typeOfId(object.id) === 'host')
    const { series } = await reader.keeper.session.stats({ id: host!.id, from: systemClock.now() - 5 * minute })
    const last = (name: string): unknown => series.find((each) => each.name === name)?.values.at(-1)
    expect(last('memory.total')).toBe((host as Host).memory)
    expect(last('cpu')).toBeLessThanOrEqual(1)
  })

  test('have a place for each step, also where the host left a row out', () => {
    const source = { consolidation: 'AVERAGE', owner: 'vm', name: 'cpu0', unit: '(fraction)' } as const
    const series = [
      { ...source, uuid: 'a', values: new Float64Array([1, 3]) },
      { ...source, uuid: 'b', values: new Float64Array([9, 9]) },
    ]
    const updates = { start: 10_000, end: 25_000, step: 5000, times: new Float64Array([10_000, 20_000]), series }
    expect(statsOf(updates, 'a')).toEqual({
      start: 10_000,
      step: 5000,
      series: [
        { name: 'cpu', unit: 'fraction', values: [1, null, 3] },
        { name: 'cpu.0', unit: 'fraction', values: [1, null, 3] },
      ],
    })
    expect(statsOf({ ...updates, times: new Float64Array() }, 'c')).toEqual({ start: 10_000, step: 5000, series: [] })
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
