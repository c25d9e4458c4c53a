import { seededRandom } from '@nixen/core'
import type { DiskStream } from '@nixen/disk'
import { expect, test } from 'vitest'
import { SequentialDisk } from '../src/protect/sequential-disk.ts'
import { noise } from './protect-world.ts'

const size = 300_000

/** A disk of 300,000 bytes as a stream: parts of uneven size, with zeros between them. */
function streams(): { content: Uint8Array; opened: () => number; open: (signal: AbortSignal) => Promise<DiskStream> } {
  const content = new Uint8Array(size)
  const parts: { offset: number; length: number }[] = []
  const random = seededRandom(4)
  for (let offset = 500; offset < size - 20_000; offset += 1000 + Math.floor(random() * 9000)) {
    const length = 1 + Math.floor(random() * 5000)
    content.set(noise(offset, length), offset)
    parts.push({ offset, length })
    offset += length
  }
  let opened = 0
  return {
    content,
    opened: () => opened,
    open: (signal) => {
      opened++
      return Promise.resolve({
        size,
        order: 'ascending',
        info: { format: 'vhd', virtualSize: size, details: {} },
        ranges: parts,
        async *parts() {
          for (const { offset, length } of parts) {
            await Promise.resolve()
            signal.throwIfAborted()
            yield { offset, bytes: content.subarray(offset, offset + length) }
          }
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      })
    },
  }
}

test('a stream that is read from front to back by several at once is opened once', async () => {
  const { content, opened, open } = streams()
  await using disk = await SequentialDisk.open({ open, window: 40_000 })
  const all = new Uint8Array(size)
  let next = 0
  const lane = async (): Promise<void> => {
    for (let at = next; at < size; at = next) {
      next = at + 7000
      await disk.read(at, all.subarray(at, Math.min(at + 7000, size)))
    }
  }
  await Promise.all([lane(), lane(), lane(), lane()])
  expect(Buffer.compare(all, content)).toBe(0)
  expect(opened()).toBe(1)
})

test('reads anywhere give the right bytes, whatever window there is', async () => {
  for (const [seed, window] of [1000, 30_000, 1_000_000].entries()) {
    const { content, open } = streams()
    await using disk = await SequentialDisk.open({ open, window })
    const random = seededRandom(seed)
    const some = async (): Promise<void> => {
      for (let i = 0; i < 15; i++) {
        const offset = Math.floor(random() * size)
        const into = new Uint8Array(Math.floor(random() * Math.min(20_000, size - offset))).fill(1)
        await disk.read(offset, into)
        expect(Buffer.compare(into, content.subarray(offset, offset + into.length)), `seed ${seed}`).toBe(0)
      }
    }
    await Promise.all([some(), some(), some()])
  }
})

test('a stream that fails fails all who wait, and the next one who asks begins it again', async () => {
  const { content, opened, open } = streams()
  let broken = true
  const failing = async (signal: AbortSignal): Promise<DiskStream> => {
    const stream = await open(signal)
    if (!broken) return stream
    return {
      ...stream,
      async *parts(options) {
        for await (const part of stream.parts(options)) {
          if (part.offset > 100_000) throw new Error('the host is gone')
          yield part
        }
      },
    }
  }
  await using disk = await SequentialDisk.open({ open: failing })
  const reads = [200_000, 250_000].map((offset) => disk.read(offset, new Uint8Array(100)))
  for (const result of await Promise.allSettled(reads)) expect(result.status).toBe('rejected')
  broken = false
  const into = new Uint8Array(5000)
  await disk.read(200_000, into)
  expect(Buffer.compare(into, content.subarray(200_000, 205_000))).toBe(0)
  expect(opened()).toBe(2)
})

test('an aborted read leaves the memory of its caller alone, and closing ends those who wait', async () => {
  const { open } = streams()
  const disk = await SequentialDisk.open({ open })
  const into = new Uint8Array(1000).fill(7)
  const stop = new AbortController()
  const reading = disk.read(250_000, into, { signal: stop.signal })
  stop.abort(new Error('stop'))
  await expect(reading).rejects.toThrow('stop')
  into.fill(7)
  const late = disk.read(200_000, new Uint8Array(10))
  await disk[Symbol.asyncDispose]()
  await expect(late).rejects.toThrow('closed')
  await expect(disk.read(0, new Uint8Array(1))).rejects.toThrow('closed')
  expect(into.every((byte) => byte === 7)).toBe(true)
})

test('what the stream has nothing for comes from elsewhere where there is an elsewhere', async () => {
  const { content, open } = streams()
  const fill = (_offset: number, into: Uint8Array): Promise<void> => Promise.resolve(void into.fill(255))
  await using disk = await SequentialDisk.open({ open, fill })
  const into = new Uint8Array(size)
  await disk.read(0, into)
  const expected = content.map((byte) => (byte === 0 ? 255 : byte))
  expect(Buffer.compare(into, expected)).toBe(0)
})
