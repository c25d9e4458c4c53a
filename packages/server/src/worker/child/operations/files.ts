import { once } from 'node:events'
import { chmod, rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import {
  listFiles as listPointFiles,
  loadSnapshot,
  lockForReading,
  restorePointDisk,
  type Repository,
} from '@nixen/backup'
import { anySignal } from '@nixen/core'
import type { DiskSource } from '@nixen/disk'
import { readFiles } from '../../files/files-process.ts'
import type { FilesAnswer } from '../../files/protocol.ts'
import type { ListFilesOutput, SendFilesInput } from '../../operations/files.ts'
import type { OperationCode, OperationContext } from '../context.ts'

interface Opened {
  readonly disks: readonly { readonly name: string; readonly source: DiskSource }[]
  readonly signal: AbortSignal
}

/** All disks of a restore point, as long as `use` runs; no prune may take their data away meanwhile. */
async function withDisks<T>(
  snapshot: string,
  { openWithIndex, signal }: Pick<OperationContext<'volumes'>, 'openWithIndex' | 'signal'>,
  use: (opened: Opened) => Promise<T>,
): Promise<T> {
  const repository = await openWithIndex()
  await using lock = await lockForReading(repository, { signal })
  const held = anySignal(signal, lock?.signal)
  const disks = await disksOf(repository, snapshot, held)
  return await use({ disks, signal: held })
}

async function disksOf(repository: Repository, snapshot: string, signal: AbortSignal): Promise<Opened['disks']> {
  const point = await loadSnapshot(repository, snapshot, { signal })
  const disks: { name: string; source: DiskSource }[] = []
  for await (const { path, type } of listPointFiles(repository, point, { signal })) {
    if (type !== 'file' || !path.endsWith('.raw')) continue
    const source = await restorePointDisk(repository, { snapshot: point, path, readAhead: 8, signal })
    disks.push({ name: path.replace(/^\/(disk-)?/, '').replace(/\.raw$/, ''), source })
  }
  return disks
}

/** What the disks of a restore point hold. */
export const volumes: OperationCode<'volumes'> = async ({ snapshot }, context) =>
  await withDisks(snapshot, context, async (opened) => {
    const { volumes: found = [] } = await readFiles({ do: 'volumes' }, opened)
    return { volumes: found }
  })

/** What is in a directory. */
export const listFiles: OperationCode<'listFiles'> = async ({ snapshot, ...asked }, context) =>
  await withDisks(snapshot, context, async (opened) =>
    outputOf(await readFiles({ do: 'list', ...asked }, { ...opened, items: context.send })),
  )

/** Everything under a path whose name matches. */
export const searchFiles: OperationCode<'searchFiles'> = async ({ snapshot, ...asked }, context) =>
  await withDisks(snapshot, context, async (opened) =>
    outputOf(await readFiles({ do: 'search', ...asked }, { ...opened, items: context.send })),
  )

function outputOf({ volume, more = false }: FilesAnswer): ListFilesOutput {
  if (!volume) throw new TypeError('no volume in the answer')
  return { volume, more }
}

/** Gives files away until it is cancelled: `GET /` on a unix socket, once. Nothing is read before somebody asks but the beginning. */
export const sendFiles: OperationCode<'sendFiles'> = async (input, context) => {
  await withDisks(input.snapshot, context, async (opened) => await serve(input, opened, context))
  return {}
}

async function serve(
  { volume, paths, format, socketPath }: SendFilesInput,
  opened: Opened,
  { send, progress }: Pick<OperationContext<'sendFiles'>, 'send' | 'progress'>,
): Promise<void> {
  const asked = Promise.withResolvers<ServerResponse>()
  const server = createServer((_request, response) => asked.resolve(response))
  const stopped = new AbortController()
  const signal = anySignal(opened.signal, stopped.signal)
  server.listen(socketPath)
  await once(server, 'listening', { signal })
  await chmod(socketPath, 0o600)
  let done = 0
  let begun = false
  try {
    await readFiles(
      { do: 'send', volume, paths, format },
      {
        disks: opened.disks,
        signal,
        begin: async (facts) => {
          await send([{ name: facts.name, length: facts.length }])
          begun = true
          asked.promise.then(
            (response) => response.once('close', () => response.writableFinished || stopped.abort()),
            () => undefined,
          )
        },
        part: async (bytes) => {
          const response = await asked.promise
          if (!response.write(bytes)) await once(response, 'drain', { signal })
          progress({ phase: 'send', done: (done += bytes.length), total: 0, unit: 'bytes', bytesWritten: done })
        },
      },
    )
    const response = await asked.promise
    response.end()
    await once(response, 'close', { signal: opened.signal })
  } catch (error) {
    // Who reads sees a stream that breaks off.
    if (begun)
      asked.promise.then(
        (response) => response.destroy(),
        () => undefined,
      )
    if (!stopped.signal.aborted) throw error
  } finally {
    server.closeAllConnections()
    server.close()
    await rm(socketPath, { force: true })
  }
}
