import { describe, expect, test } from 'vitest'
import type { Clock } from '@nixen/core'
import { cheapKdf, password } from '../../test/support.ts'
import { Repository } from '../repository/repository.ts'
import { MemoryStorage } from '../storage/memory-storage.ts'
import { listLocks, lockRepository, unlock } from './lock.ts'

/** Time that only goes on when somebody sleeps through it, or the test says so. */
class StepClock implements Clock {
  time = 1_700_000_000_000
  readonly #sleepers: { until: number; wake: () => void }[] = []

  now = (): number => this.time
  monotonic = (): number => this.time

  sleep(ms: number, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    // The pause of taking a lock is short and is slept at once; the refresh waits for the test.
    if (ms <= 5000) {
      this.time += ms
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      if (signal?.aborted) reject(signal.reason as Error)
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      this.#sleepers.push({ until: this.time + ms, wake: resolve })
    })
  }

  async advance(ms: number): Promise<void> {
    this.time += ms
    for (const { until, wake } of this.#sleepers) if (until <= this.time) wake()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function setUp(): Promise<{ clock: StepClock; repository: Repository }> {
  const clock = new StepClock()
  const repository = await Repository.init(new MemoryStorage(), { password, kdf: cheapKdf, clock })
  return { clock, repository }
}

const elsewhere = { hostname: 'another-machine', pid: 4711, username: 'eve' }

describe('locks', () => {
  test('that are shared stand beside each other', async () => {
    const { repository } = await setUp()
    await using _one = await lockRepository(repository, { holder: elsewhere })
    await using _two = await lockRepository(repository)
    expect(await listLocks(repository)).toHaveLength(2)
  })

  test.each([
    { first: false, second: true },
    { first: true, second: false },
    { first: true, second: true },
  ])('exclusive $first keep out those that are exclusive $second', async ({ first, second }) => {
    const { repository } = await setUp()
    await using _one = await lockRepository(repository, { exclusive: first, holder: elsewhere })
    await expect(lockRepository(repository, { exclusive: second })).rejects.toMatchObject({
      code: 'backup.repository_locked',
      retryable: true,
      details: { holder: 'eve@another-machine (process 4711)' },
    })
    expect(await listLocks(repository)).toHaveLength(1)
  })

  test('are gone when they are disposed of', async () => {
    const { repository } = await setUp()
    await (await lockRepository(repository))[Symbol.asyncDispose]()
    expect(await listLocks(repository)).toEqual([])
  })

  test('are refreshed every five minutes: the new file is there before the old one goes', async () => {
    const { clock, repository } = await setUp()
    await using _lock = await lockRepository(repository)
    const [before] = await listLocks(repository)
    await clock.advance(5 * 60_000)
    await expect.poll(async () => (await listLocks(repository)).map(({ name }) => name)).not.toContain(before?.name)
    const after = await listLocks(repository)
    expect(after).toHaveLength(1)
    expect(after[0]!.time - before!.time).toBeGreaterThanOrEqual(5 * 60_000)
  })

  test('of another machine are dead after thirty minutes, and not before', async () => {
    const { clock, repository } = await setUp()
    const dead = await Repository.open(repository.storage, { password, clock: new StepClock() })
    await lockRepository(dead, { exclusive: true, holder: elsewhere })
    await clock.advance(29 * 60_000)
    await expect(lockRepository(repository)).rejects.toMatchObject({ code: 'backup.repository_locked' })
    expect(await unlock(repository)).toEqual([])
    await clock.advance(2 * 60_000)
    await using _lock = await lockRepository(repository)
    expect(await listLocks(repository)).toHaveLength(1)
  })

  test('of a process of this machine that is gone are dead at once', async () => {
    const { repository } = await setUp()
    const { hostname, userInfo } = await import('node:os')
    await lockRepository(repository, {
      exclusive: true,
      holder: { hostname: hostname(), pid: 2 ** 22 + 1, username: userInfo().username },
    })
    expect(await unlock(repository)).toHaveLength(1)
    await using _lock = await lockRepository(repository, { exclusive: true })
  })

  test('that somebody removed are noticed by their holder', async () => {
    const { clock, repository } = await setUp()
    await using lock = await lockRepository(repository)
    await unlock(repository, { all: true })
    await expect(lock.assertHeld()).rejects.toMatchObject({ code: 'backup.lock_lost' })
    expect(lock.signal.aborted).toBe(true)
    await clock.advance(5 * 60_000)
    expect(await listLocks(repository)).toEqual([])
  })
})
