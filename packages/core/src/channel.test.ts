import { expect, test } from 'vitest'
import { Channel } from './channel.ts'

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

test('items come out in the order in which they went in, then the channel ends', async () => {
  const channel = new Channel<number>(2)
  const produce = async (): Promise<void> => {
    for (let n = 0; n < 10; n++) await channel.push(n)
    channel.close()
  }
  const producing = produce()
  expect(await Array.fromAsync(channel)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  await producing
})

test('a producer waits while the consumer is behind', async () => {
  const channel = new Channel<number>(2)
  let pushed = 0
  const produce = async (): Promise<void> => {
    for (; pushed < 10; pushed++) await channel.push(pushed)
    channel.close()
  }
  const producing = produce()
  await tick()
  expect(pushed).toBe(1)
  const items: number[] = []
  for await (const item of channel) {
    expect(pushed - item).toBeLessThanOrEqual(3)
    items.push(item)
    await tick()
  }
  expect(items).toHaveLength(10)
  await producing
})

test('an error reaches the consumer after what was queued before it', async () => {
  const channel = new Channel<number>()
  await channel.push(1)
  channel.close(new Error('broken'))
  const iterator = channel[Symbol.asyncIterator]()
  expect(await iterator.next()).toEqual({ value: 1, done: false })
  await expect(iterator.next()).rejects.toThrow('broken')
})

test('a consumer that stops lets the producer go on, and what it pushes is dropped', async () => {
  const channel = new Channel<number>(1)
  const first = channel.push(1)
  for await (const _ of channel) break
  await first
  expect(channel.abandoned).toBe(true)
  await channel.push(2)
})
