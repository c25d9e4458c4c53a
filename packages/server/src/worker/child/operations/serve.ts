import { once } from 'node:events'
import { chmod, rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { lockForReading, restorePointDisk, type RestorePointDisk } from '@nixen/backup'
import { anySignal } from '@nixen/core'
import { formatNamed, serveNbd } from '@nixen/disk'
import type { OperationCode } from '../context.ts'

/** Gives a disk of a restore point away until it is cancelled: as an NBD export, or as an image over HTTP. */
export const serve: OperationCode<'serve'> = async (input, { openWithIndex, signal, send, progress }) => {
  const repository = await openWithIndex()
  // As long as it is served no prune may take its data away.
  await using lock = await lockForReading(repository, { signal })
  const held = anySignal(signal, lock?.signal)
  const { snapshot, path, socketPath } = input
  const source = await restorePointDisk(repository, { snapshot, path, readAhead: 16, signal: held })
  if (input.as === 'nbd') {
    await using server = await serveNbd({ exports: [{ name: '', source }], listen: { socketPath } })
    await chmod(socketPath, 0o600)
    await send([{ size: source.size }])
    await ended(held)
    await server.close()
  } else {
    await using server = await serveHttp(source, {
      format: input.format ?? 'raw',
      socketPath,
      signal: held,
      progress: (done, total) =>
        progress({ phase: 'send', detail: path, done, total, unit: 'bytes', bytesRead: done, bytesWritten: done }),
    })
    await send([{ size: source.size, length: server.length }])
    await ended(held)
  }
  await rm(socketPath, { force: true })
  // A lost lock is a failure; being asked to end is not.
  lock?.signal.throwIfAborted()
  return {}
}

async function ended(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

interface HttpOptions {
  readonly format: string
  readonly socketPath: string
  readonly signal: AbortSignal
  readonly progress: (done: number, total: number) => void
}

/** Answers each GET with the whole image. */
async function serveHttp(
  source: RestorePointDisk,
  { format: name, socketPath, signal, progress }: HttpOptions,
): Promise<AsyncDisposable & { readonly length: number | undefined }> {
  const format = formatNamed(name)
  if (!format?.encode) throw new TypeError(`${name} cannot be sent`)
  const { encode } = format
  // The first is made at once: its length is known before anybody asks.
  let ready = await encode(source, { signal })
  const { length } = ready
  const answer = async (response: ServerResponse): Promise<void> => {
    const { bytes } = ready
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      ...(length === undefined ? {} : { 'content-length': String(length) }),
    })
    let done = 0
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const part of bytes) {
        yield part
        progress((done += part.length), length ?? source.size)
      }
    }
    await pipeline(Readable.from(counted(), { objectMode: false }), response, { signal })
    ready = await encode(source, { signal })
  }
  const server = createServer((request, response) => {
    if (request.method !== 'GET') return void response.writeHead(405).end()
    // Who reads sees a stream that breaks off, and how long it should have been.
    answer(response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  server.listen(socketPath)
  await once(server, 'listening', { signal })
  await chmod(socketPath, 0o600)
  return {
    length,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}
