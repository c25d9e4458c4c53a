import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes } from './bytes.ts'
import { isAppError } from './errors.ts'
import { ByteReader, collectBytes, forEachConcurrent, mapOrdered, streamOf } from './streams.ts'

const parts = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 12 })
const tick = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('collectBytes', () => {
  test('puts the parts together', async () => {
    await fc.assert(
      fc.asyncProperty(parts, async (some) => {
        expect(await collectBytes(streamOf(...some))).toEqual(concatBytes(some))
      }),
    )
  })

  test('stops at the limit', async () => {
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array(10)
    }
    await expect(collectBytes(endless(), { limit: 25 })).rejects.toMatchObject({ code: 'stream.too_long' })
  })
})

describe('a ByteReader', () => {
  test('gives the same bytes however the stream is cut and whatever is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(parts, fc.array(fc.nat(9), { minLength: 1 }), async (some, lengths) => {
        const reader = new ByteReader(streamOf(...some))
        const read: Uint8Array[] = []
        for (let i = 0; !(await reader.atEnd()); i++)
          read.push((await reader.readUpTo(lengths[i % lengths.length]! + 1)).slice())
        expect(concatBytes(read)).toEqual(concatBytes(some))
        expect(reader.position).toBe(concatBytes(some).length)
      }),
    )
  })

  test('says how much came when the stream ends too early', async () => {
    const reader = new ByteReader(streamOf(new Uint8Array(3), new Uint8Array(2)))
    const error: unknown = await reader.read(8).catch((reason: unknown) => reason)
    expect(isAppError(error, 'stream.truncated')).toBe(true)
    expect(error).toMatchObject({ details: { expected: 8, received: 5 } })
  })

  test('skips across parts, and not past the end', async () => {
    const reader = new ByteReader(streamOf(Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)))
    await reader.skip(4)
    expect([...(await reader.read(1))]).toEqual([5])
    await expect(reader.skip(1)).rejects.toMatchObject({ code: 'stream.truncated' })
  })

  test('tells the source when nobody reads on', async () => {
    let closed = false
    const source = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(1)
      } finally {
        closed = true
      }
    }
    {
      await using reader = new ByteReader(source())
      await reader.read(3)
    }
    expect(closed).toBe(true)
  })
})

describe('mapOrdered', () => {
  test('keeps the order and never runs more than it may', async () => {
    let running = 0
    let most = 0
    const results: number[] = []
    for await (const result of mapOrdered([30, 1, 20, 2, 10, 3], 3, async (ms) => {
      most = Math.max(most, ++running)
      await tick(ms)
      running--
      return ms
    })) {
      results.push(result)
    }
    expect(results).toEqual([30, 1, 20, 2, 10, 3])
    expect(most).toBe(3)
  })

  test('passes on a failure and leaves no work running', async () => {
    let running = 0
    const run = async (): Promise<void> => {
      for await (const _ of mapOrdered([1, 2, 3, 4], 2, async (n) => {
        running++
        await tick(5)
        running--
        if (n === 1) throw new Error('one')
      })) {
        // nothing to do with the results
      }
    }
    await expect(run()).rejects.toThrow('one')
    expect(running).toBe(0)
  })
})

describe('forEachConcurrent', () => {
  test('does every item, with at most so many at once', async () => {
    let running = 0
    let most = 0
    const done: number[] = []
    await forEachConcurrent([1, 2, 3, 4, 5], 2, async (n) => {
      most = Math.max(most, ++running)
      await tick()
      running--
      done.push(n)
    })
    expect(done.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5])
    expect(most).toBe(2)
  })

  test('throws the first failure after all that began has ended', async () => {
    const ended: number[] = []
    const work = async (n: number): Promise<void> => {
      await tick(n === 1 ? 1 : 15)
      ended.push(n)
      if (n === 1) throw new Error('one')
    }
    await expect(forEachConcurrent([1, 2, 3, 4, 5, 6], 2, work)).rejects.toThrow('one')
    expect(ended).toEqual([1, 2])
  })
})
