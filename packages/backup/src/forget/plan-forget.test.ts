import { describe, expect, test } from 'vitest'
import { before, parseCalendarDuration } from './calendar-duration.ts'
import { planForget, planForgetNamed, type ForgetPoint } from './plan-forget.ts'
import { isoWeek, timeOfWall, wallTime } from './zoned-time.ts'

const now = Date.UTC(2026, 10, 21, 12)

function pointAt(time: number | string, more: Partial<ForgetPoint> = {}): ForgetPoint {
  const at = typeof time === 'string' ? Date.parse(time) : time
  return { id: at.toString(16).padStart(64, '0'), time: at, hostname: 'vm', paths: ['/disk'], tags: [], ...more }
}

/** One point every six hours for `days` days. */
function history(days: number): ForgetPoint[] {
  return Array.from({ length: days * 4 }, (_, i) => pointAt(now - i * 6 * 3_600_000))
}

describe('planning what to forget', () => {
  test('keeps the newest of each period, and says why', () => {
    const plan = planForget(history(60), { last: 1, daily: 3, weekly: 2, monthly: 2 }, now)
    expect(plan.keep.map(({ point, because }) => [new Date(point.time).toISOString().slice(0, 16), because])).toEqual([
      ['2026-11-21T12:00', ['last 1 of 1', 'daily: 2026-11-21', 'weekly: 2026-W47', 'monthly: 2026-11']],
      ['2026-11-20T18:00', ['daily: 2026-11-20']],
      ['2026-11-19T18:00', ['daily: 2026-11-19']],
      ['2026-11-15T18:00', ['weekly: 2026-W46']],
      ['2026-10-31T18:00', ['monthly: 2026-10']],
    ])
    expect(plan.keep.length + plan.forget.length).toBe(240)
  })

  test('keeps all without any rule', () => {
    expect(planForget(history(3), {}, now).forget).toEqual([])
    expect(planForget(history(3), { last: 0, tags: [], withinEach: {} }, now).forget).toEqual([])
  })

  test('never forgets the last point of a group, unless it is asked for by name', () => {
    const points = [
      pointAt(now - 1000, { hostname: 'a' }),
      pointAt(now - 2000, { hostname: 'a' }),
      pointAt(now - 3000, { hostname: 'b' }),
    ]
    const plan = planForget(points, { tags: [['precious']] }, now)
    expect(plan.keep.map(({ point, because }) => [point.hostname, because.join()])).toEqual([
      ['a', 'it is the last one of its group'],
      ['b', 'it is the last one of its group'],
    ])
    const named = planForgetNamed(points, [points[2]!.id])
    expect(named.forget.map(({ point }) => point.hostname)).toEqual(['b'])
    expect(named.keep).toHaveLength(2)
  })

  test('does not let a point from the future push out the others', () => {
    const points = [pointAt(now + 400 * 86_400_000), ...history(10)]
    const plan = planForget(points, { last: 1, within: { days: 2 } }, now)
    expect(plan.keep[0]?.because).toEqual(['it is from the future: was a clock wrong?'])
    expect(plan.keep.length).toBe(1 + 8)
  })

  test('counts days on the wall of the time zone that is given', () => {
    const points = ['2026-11-19T22:30:00Z', '2026-11-19T23:30:00Z', '2026-11-20T11:00:00Z'].map((time) => pointAt(time))
    const kept = (timeZone: string): number => planForget(points, { daily: 9 }, now, { timeZone }).keep.length
    expect(kept('UTC')).toBe(2)
    expect(kept('Europe/Berlin')).toBe(2)
    expect(planForget(points, { daily: 9 }, now, { timeZone: 'Europe/Berlin' }).forget[0]?.point.time).toBe(
      points[1]!.time,
    )
    expect(() => kept('Mars/Olympus')).toThrow(/not a time zone/)
  })

  test('groups by host and paths, or as it is told to', () => {
    const points = [
      pointAt(now - 1, { hostname: 'a', tags: ['job:x'] }),
      pointAt(now - 2, { hostname: 'a', tags: ['job:y'] }),
      pointAt(now - 3, { hostname: 'a', paths: ['/other'], tags: ['job:x'] }),
      pointAt(now - 4, { hostname: 'b', tags: ['job:y'] }),
    ]
    expect(planForget(points, { last: 1 }, now).keep).toHaveLength(3)
    expect(planForget(points, { last: 1 }, now, { groupBy: [] }).keep).toHaveLength(1)
    expect(planForget(points, { last: 1 }, now, { groupBy: ['host', 'paths', 'tags'] }).keep).toHaveLength(4)
    const byJob = planForget(points, { last: 1 }, now, { groupBy: (point) => point.tags[0] ?? '' })
    expect(byJob.keep.map(({ group }) => group)).toEqual(['job:x', 'job:y'])
  })

  test('names must mean one point', () => {
    const points = history(1)
    expect(() => planForgetNamed(points, ['0000'])).toThrow(/beginning of several/)
    expect(() => planForgetNamed(points, ['ffff'])).toThrow(/No restore point/)
    expect(() => planForgetNamed(points, [''])).toThrow(/No restore point/)
  })
})

describe('the calendar', () => {
  test.each([
    ['2026-01-01', 2026, 1],
    ['2027-01-01', 2026, 53],
    ['2024-12-30', 2025, 1],
    ['2021-01-03', 2020, 53],
    ['2026-11-21', 2026, 47],
  ])('%s is in ISO year %i, week %i', (date, year, week) => {
    const [y = 0, month = 0, day = 0] = date.split('-').map(Number)
    expect(isoWeek({ year: y, month, day })).toEqual({ year, week })
  })

  test('wall time goes there and back, over changes of the clock', () => {
    for (const zone of ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia', 'Asia/Kolkata']) {
      for (let time = Date.UTC(2026, 0, 1); time < Date.UTC(2027, 0, 1); time += 7_654_321) {
        const there = timeOfWall(wallTime(time, zone), zone)
        // An hour that comes twice may come back as either.
        expect([0, 3_600_000, -3_600_000]).toContain(there - time)
      }
    }
  })

  test.each([
    ['2026-03-31T10:00:00Z', '1m', '2026-03-03T10:00:00Z'],
    ['2026-11-21T10:00:00Z', '1y2m3d4h', '2025-09-18T06:00:00Z'],
    ['2024-02-29T00:00:00Z', '1y', '2023-03-01T00:00:00Z'],
  ])('%s less %s is %s', (time, duration, expected) => {
    expect(new Date(before(Date.parse(time), parseCalendarDuration(duration)!, 'UTC'))).toEqual(new Date(expected))
  })

  test('a day before a change of the clock is the same hour on the wall', () => {
    const after = Date.parse('2026-03-29T12:00:00+02:00')
    expect(before(after, { days: 1 }, 'Europe/Berlin')).toBe(Date.parse('2026-03-28T12:00:00+01:00'))
  })

  test.each(['', '5', 'd5', '3d2y', '1w', '-1d'])('%j is no duration', (text) => {
    expect(parseCalendarDuration(text)).toBeUndefined()
  })
})
