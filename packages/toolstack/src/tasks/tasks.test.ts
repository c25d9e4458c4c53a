import { silentLog, type Clock } from '@nixen/core'
import { beforeEach, describe, expect, test } from 'vitest'
import { Database } from '../db/database.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { dataModel } from '../model/model.ts'
import { Tasks } from './tasks.ts'

let now: number
let db: Database
let tasks: Tasks
const stop = new AbortController()

beforeEach(() => {
  now = 1_790_000_000_000
  db = new Database({ model: dataModel() })
  const clock: Clock = { now: () => now, monotonic: () => now, sleep: () => Promise.resolve() }
  tasks = new Tasks({ db, clock, log: silentLog, signal: stop.signal })
})

/** The values a field of a task takes, in order, while `work` runs. */
async function history(ref: Ref<'task'>, work: () => Promise<void>): Promise<string[]> {
  const seen: string[] = []
  const end = db.onChange(() => {
    const { status, progress, result, finished, error_info, allowed_operations } = db.get('task', ref)
    const text = [status, progress, result, finished > 0, error_info.length, allowed_operations.length].join(' ')
    if (seen.at(-1) !== text) seen.push(text)
  })
  await work()
  end()
  return seen
}

describe('a task', () => {
  test('that ends well has its result before its status', async () => {
    const ref = tasks.create('work')
    const seen = await history(ref, async () => {
      tasks.start(ref, async ({ progress }) => {
        progress(0.5)
        return '<value>done</value>'
      })
      await tasks.idle()
    })
    expect(seen).toEqual([
      'pending 0  false 0 1',
      'pending 0.5  false 0 1',
      'pending 0.5  false 0 0',
      'pending 0.5  true 0 0',
      'pending 1 <value>done</value> true 0 0',
      'success 1 <value>done</value> true 0 0',
    ])
  })

  test('that fails has its error before its status, and progress 1', async () => {
    const ref = tasks.create('work')
    const seen = await history(ref, async () => {
      tasks.start(ref, async () => {
        throw fault('HOST_OFFLINE', 'x')
      })
      await tasks.idle()
    })
    expect(seen.at(-1)).toBe('failure 1  true 2 0')
    expect(seen.at(-2)).toBe('pending 1  true 2 0')
    expect(db.get('task', ref).error_info).toEqual(['HOST_OFFLINE', 'x'])
  })

  test('that is cancelled stops its work', async () => {
    const ref = tasks.create('work')
    tasks.start(
      ref,
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    )
    tasks.cancel(ref)
    expect(Object.values(db.get('task', ref).current_operations)).toEqual(['cancel'])
    await tasks.idle()
    expect(db.get('task', ref)).toMatchObject({ status: 'cancelled', error_info: ['TASK_CANCELLED', ref] })
  })

  test('that can not be cancelled finishes normally', async () => {
    const ref = tasks.create('work')
    const gate = Promise.withResolvers<string>()
    tasks.start(ref, () => gate.promise)
    tasks.cancel(ref)
    gate.resolve('')
    await tasks.idle()
    expect(db.get('task', ref).status).toBe('success')
  })

  test('that is destroyed before its end goes when it ends', async () => {
    const ref = tasks.create('work')
    const gate = Promise.withResolvers<string>()
    tasks.start(ref, () => gate.promise)
    tasks.destroy(ref)
    expect(db.get('task', ref).current_operations).toEqual({ task: 'destroy' })
    gate.resolve('')
    await tasks.idle()
    expect(db.find('task', ref)).toBeUndefined()
  })

  test('is dropped 65 minutes after its end, or when there are more than 200', () => {
    const old = tasks.create('old')
    tasks.succeed(old, '')
    now += 64 * 60_000
    tasks.collect()
    expect(db.find('task', old)).toBeDefined()
    now += 2 * 60_000
    tasks.collect()
    expect(db.find('task', old)).toBeUndefined()
    const refs = Array.from({ length: 250 }, (_, i) => {
      const ref = tasks.create(`task ${i}`)
      if (i % 2 === 0) tasks.succeed(ref, '')
      now += 1000
      return ref
    })
    tasks.create('one more')
    expect(db.count('task')).toBeLessThanOrEqual(200)
    // Pending ones stay.
    expect(refs.filter((_, i) => i % 2 === 1).every((ref) => db.find('task', ref))).toBe(true)
  })
})
