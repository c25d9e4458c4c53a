import { describe, expect, test } from 'vitest'
import { systemClock, type Clock } from './clock.ts'
import { seededRandom } from './random.ts'
import { backoff, retry } from './retry.ts'

function recordingClock(): Clock & { readonly pauses: number[] } {
  const pauses: number[] = []
  return { ...systemClock, pauses, sleep: async (ms) => void pauses.push(ms) }
}

test('pauses grow, never exceed the longest one, and are not all the same', () => {
  const random = seededRandom(1)
  const pauses = Array.from({ length: 12 }, (_, attempt) => backoff(attempt, { base: 100, max: 5000, random }))
  pauses.forEach((pause, attempt) => {
    const ceiling = Math.min(5000, 100 * 2 ** attempt)
    expect(pause).toBeGreaterThanOrEqual(ceiling / 2)
    expect(pause).toBeLessThanOrEqual(ceiling)
  })
  expect(new Set(pauses).size).toBe(pauses.length)
})

describe('retry', () => {
  test('gives the first success and counts the tries', async () => {
    const clock = recordingClock()
    const told: number[] = []
    const result = await retry(
      async (attempt) => {
        if (attempt < 2) throw new Error('busy')
        return attempt
      },
      { when: () => true, clock, onRetry: (_error, attempt) => told.push(attempt) },
    )
    expect(result).toBe(2)
    expect(clock.pauses).toHaveLength(2)
    expect(told).toEqual([0, 1])
  })

  test('throws the last error when the tries are used up', async () => {
    let calls = 0
    const work = async (): Promise<never> => {
      throw new Error(`try ${++calls}`)
    }
    await expect(retry(work, { attempts: 3, when: () => true, clock: recordingClock() })).rejects.toThrow('try 3')
    expect(calls).toBe(3)
  })

  test('does not repeat what is not worth it', async () => {
    let calls = 0
    const work = async (): Promise<never> => {
      calls++
      throw new Error('never')
    }
    await expect(retry(work, { when: () => false })).rejects.toThrow('never')
    expect(calls).toBe(1)
  })

  test('ends at once when it is aborted during a pause', async () => {
    const controller = new AbortController()
    const work = async (): Promise<never> => {
      setTimeout(() => controller.abort(new Error('enough')), 5)
      throw new Error('busy')
    }
    await expect(
      retry(work, { when: () => true, base: 60_000, max: 60_000, signal: controller.signal }),
    ).rejects.toThrow('enough')
  })
})
