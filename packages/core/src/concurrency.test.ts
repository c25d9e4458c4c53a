import { describe, expect, test } from 'vitest'
import { anySignal, isAbort, raceSignal } from './abort.ts'
import { systemClock } from './clock.ts'
import { Semaphore } from './semaphore.ts'

describe('a semaphore', () => {
  test('lets in as many as it has places, the others in order', async () => {
    const semaphore = new Semaphore(2)
    const order: number[] = []
    let inside = 0
    let most = 0
    await Promise.all(
      [0, 1, 2, 3, 4].map((n) =>
        semaphore.run(async () => {
          most = Math.max(most, ++inside)
          order.push(n)
          await systemClock.sleep(2)
          inside--
        }),
      ),
    )
    expect(most).toBe(2)
    expect(order).toEqual([0, 1, 2, 3, 4])
  })

  test('gives a place back once, also when it is released twice or the work fails', async () => {
    const semaphore = new Semaphore(1)
    const release = await semaphore.acquire()
    release()
    release()
    await expect(semaphore.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    const held = await semaphore.acquire()
    const waiting = semaphore.acquire({ signal: AbortSignal.timeout(5) })
    await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' })
    held()
    expect(await semaphore.run(async () => 'free')).toBe('free')
  })
})

describe('raceSignal', () => {
  test('settles as the promise does when nothing is aborted', async () => {
    const { signal } = new AbortController()
    expect(await raceSignal(Promise.resolve(1), signal)).toBe(1)
    expect(await raceSignal(Promise.resolve(1), undefined)).toBe(1)
    await expect(raceSignal(Promise.reject(new Error('x')), signal)).rejects.toThrow('x')
  })

  test('rejects with the reason of the signal, also when it was aborted before', async () => {
    const controller = new AbortController()
    const race = raceSignal(new Promise(() => undefined), controller.signal)
    controller.abort(new Error('stop'))
    await expect(race).rejects.toThrow('stop')
    await expect(raceSignal(Promise.reject(new Error('late')), controller.signal)).rejects.toThrow('stop')
  })
})

test('isAbort knows an abort from a failure', () => {
  const signal = AbortSignal.abort(new Error('stop'))
  expect(isAbort(signal.reason, signal)).toBe(true)
  expect(isAbort(AbortSignal.abort().reason)).toBe(true)
  expect(isAbort(new Error('stop'), signal)).toBe(false)
})

test('anySignal fires with the first of its signals and passes over absent ones', () => {
  const controller = new AbortController()
  const signal = anySignal(undefined, controller.signal)
  controller.abort(new Error('one'))
  expect(signal.reason).toEqual(new Error('one'))
  expect(anySignal(undefined).aborted).toBe(false)
})

test('sleep ends early, and with the reason, when it is aborted', async () => {
  const controller = new AbortController()
  const sleeping = systemClock.sleep(60_000, { signal: controller.signal })
  controller.abort(new Error('wake up'))
  await expect(sleeping).rejects.toThrow('wake up')
  await expect(systemClock.sleep(1, { signal: controller.signal })).rejects.toThrow('wake up')
})
