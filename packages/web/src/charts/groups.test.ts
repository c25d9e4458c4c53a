import type { Stats } from '@nixen/api'
import { expect, test } from 'vitest'
import { chartsOf, comparison, formatValue } from './groups.ts'

const stats = (start: number, cpu: readonly (number | null)[], more: Stats['series'] = []): Stats => ({
  start,
  step: 5000,
  series: [{ name: 'cpu', unit: 'fraction', values: [...cpu] }, ...more],
})

test('an object has the charts of which something was measured, with times in seconds', () => {
  const read = { name: 'disk.read', unit: 'bytes/s' as const, values: [1, 2] }
  const charts = chartsOf(stats(10_000, [0.5, null], [read]))
  expect(charts.map(({ id }) => id)).toEqual(['cpu', 'disk'])
  expect(charts[0]).toMatchObject({ unit: 'fraction', times: [10, 15] })
  expect(chartsOf({ start: 0, step: 5000, series: [] })).toEqual([])
})

test('what is measured of devices alone is summed', () => {
  const of = (device: string, values: (number | null)[]) => ({
    name: `disk.read.${device}`,
    unit: 'bytes/s' as const,
    values,
  })
  const [, disk] = chartsOf(stats(0, [0, 0], [of('xvda', [1, null]), of('xvdb', [2, null])]))
  expect(disk?.lines.map(({ id, values }) => [id, values])).toEqual([['disk.read', [3, null]]])
})

test('objects are compared on one line of time, gaps stay gaps, and what they read and write is one sum', () => {
  const disk = (values: number[]) => [
    { name: 'disk.read', unit: 'bytes/s' as const, values },
    { name: 'disk.write', unit: 'bytes/s' as const, values },
  ]
  const [cpu, io] = comparison([
    { id: 'a', name: 'a', stats: stats(0, [0.1, 0.2], disk([1, 2])) },
    { id: 'b', name: 'b', stats: stats(5000, [0.3, 0.4], disk([10, 20])) },
  ])
  expect(cpu?.times).toEqual([0, 5, 10])
  expect(cpu?.lines.map(({ values }) => values)).toEqual([
    [0.1, 0.2, null],
    [null, 0.3, 0.4],
  ])
  expect(io?.lines.map(({ values }) => values)).toEqual([
    [2, 4, null],
    [null, 20, 40],
  ])
})

test.each([
  [0.421, 'fraction', /^42\s?%$/u],
  [1536, 'bytes', /^1.5 KiB$/],
  [2048, 'bytes/s', /^2 KiB\/s$/],
  [null, 'watt', /^–$/],
] as const)('%s %s is shown', (value, unit, text) => expect(formatValue(value, unit)).toMatch(text))
