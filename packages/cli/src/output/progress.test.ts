import { describe, expect, test } from 'vitest'
import { GiB, MiB, systemClock, type Clock } from '@nixen/core'
import { formatBar, formatLine, progressView } from './progress.ts'

function fakeClock(): Clock & { advance(ms: number): void } {
  let now = 0
  return { ...systemClock, monotonic: () => now, advance: (ms) => void (now += ms) }
}

function recorder(isTTY: boolean): { isTTY: boolean; columns: number; text: string; write(text: string): void } {
  return {
    isTTY,
    columns: 80,
    text: '',
    write(text) {
      this.text += text
    },
  }
}

const half = { done: 4 * GiB, total: 8 * GiB, phase: 'copying', rate: 512 * MiB, eta: 8000 }

test('a line says how far, how fast and how long still', () => {
  expect(formatLine(half)).toBe('copying, 50% of 8 GiB, 512 MiB/s, 8.0 s left')
  expect(formatLine({ done: 10 * MiB, rate: MiB, eta: undefined })).toBe('10 MiB, 1 MiB/s')
  expect(formatLine({ done: 0, total: 0, rate: 0, eta: undefined })).toBe('100% of 0 B, 0 B/s')
})

test('things that are not bytes are counted', () => {
  expect(formatLine({ done: 3, total: 9, unit: 'items', phase: 'packs', rate: 1, eta: 6000 })).toBe(
    'packs, 3 of 9, 6.0 s left',
  )
})

test.each([200, 80, 60, 40, 10])('a bar is never wider than %d columns', (width) => {
  expect(formatBar(half, width).length).toBeLessThanOrEqual(width)
})

test('half of a bar is full at half of the way', () => {
  const bar = /\[(#*)(-*)\]/.exec(formatBar(half, 200))
  expect(bar?.[1]?.length).toBe(bar?.[2]?.length)
})

describe('a progress view', () => {
  test('writes JSON lines, at most two a second, and always the last one', () => {
    const clock = fakeClock()
    const stderr = recorder(false)
    const view = progressView({ clock, stderr, json: true })
    for (let done = 0; done <= 100; done++) {
      clock.advance(20)
      view.update({ done: done * MiB, total: 100 * MiB })
    }
    view.end()
    const lines = stderr.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; done: number })
    expect(lines).toHaveLength(5)
    expect(lines.at(-1)).toMatchObject({
      type: 'progress',
      done: 100 * MiB,
      total: 100 * MiB,
      unit: 'bytes',
      perSecond: 51909703,
    })
  })

  test('writes a plain line every ten seconds when it is not a terminal', () => {
    const clock = fakeClock()
    const stderr = recorder(false)
    const view = progressView({ clock, stderr, json: false })
    for (let done = 1; done <= 25; done++) {
      clock.advance(1000)
      view.update({ done: done * MiB, total: 25 * MiB })
    }
    view.end()
    expect(stderr.text).toBe('40% of 25 MiB, 1 MiB/s, 15 s left\n80% of 25 MiB, 1 MiB/s, 5.0 s left\n')
  })

  test('leaves an empty line on a terminal', () => {
    const clock = fakeClock()
    const stderr = recorder(true)
    const view = progressView({ clock, stderr, json: false })
    clock.advance(1000)
    view.update({ done: 1, total: 2 })
    view.end()
    expect(stderr.text.startsWith('\r\u001B[K[')).toBe(true)
    expect(stderr.text.endsWith('\r\u001B[K')).toBe(true)
  })
})
