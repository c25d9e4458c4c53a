import { mkdtemp, rm } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What an operation of a worker gives over a socket. */
export interface WorkerStream<Facts> {
  /** Its one item: that it listens, and what comes. */
  readonly facts: Facts
  /** Ends the operation when it is read or given up. */
  readonly bytes: AsyncIterable<Uint8Array>
}

interface Run<Facts> {
  readonly socketPath: string
  readonly signal: AbortSignal
  readonly listening: (facts: Facts) => void
}

/** A worker gives bytes over a socket that only this user can open, as long as somebody reads. */
export async function streamFromWorker<Facts>(
  run: (options: Run<Facts>) => Promise<unknown>,
  signal: AbortSignal,
): Promise<WorkerStream<Facts>> {
  const folder = await mkdtemp(join(tmpdir(), 'nixen-download-'))
  const socketPath = join(folder, 'socket')
  const stop = new AbortController()
  const listening = Promise.withResolvers<Facts>()
  const running = run({ socketPath, signal: AbortSignal.any([signal, stop.signal]), listening: listening.resolve })
  // Also when nobody ever reads: the request's signal ends it.
  const ended = (async () => {
    await running.catch((error: unknown) => listening.reject(error))
    await rm(folder, { recursive: true, force: true })
  })()
  const end = async (): Promise<void> => {
    stop.abort()
    await ended
  }
  try {
    const facts = await listening.promise
    return { facts, bytes: bytesOf(socketPath, end) }
  } catch (error) {
    await end()
    throw error
  }
}

async function* bytesOf(socketPath: string, end: () => Promise<void>): AsyncGenerator<Uint8Array> {
  try {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    request({ socketPath, path: '/' }, resolve).on('error', reject).end()
    // Without an encoding a response yields buffers.
    yield* (await promise) as AsyncIterable<Uint8Array>
  } finally {
    await end()
  }
}
