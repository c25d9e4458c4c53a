import { mkdtemp, rm } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pointErrors, type PointId, type RepositoryId } from '@nixen/api'
import { anySignal } from '@nixen/core'
import { StreamAnswer, type GroupHandlers } from '../../http/handler.ts'
import type { Catalogue } from '../../repositories/catalogue.ts'
import type { Repositories } from '../../repositories/repositories.ts'
import { demandPoint } from './restore-handlers.ts'

export interface DownloadPorts {
  readonly repositories: Repositories
  readonly catalogue: Catalogue
}

interface Wanted {
  readonly id: PointId
  readonly repository: RepositoryId
  readonly snapshot: string
  readonly path: string
  readonly format: string
  readonly signal: AbortSignal
}

/** Disks of restore points as images. */
export function downloadHandlers(ports: DownloadPorts): Pick<GroupHandlers<'point'>, 'download'> {
  return {
    async download({ params: { id }, input: { disk, format }, who, info }) {
      const { point, repository, snapshot } = demandPoint(ports, id, who)
      info.note({ on: id, onName: point.name })
      const { signal } = info
      const { files } = await ports.repositories.run('content', repository, { snapshot }, { signal })
      const disks = files.filter(({ path }) => path.endsWith('.raw')).map(({ path }) => path)
      const [path, ...others] = disk === undefined ? disks : disks.filter((one) => one === disk)
      if (path === undefined || others.length > 0) throw pointErrors.which_disk({ id, disks })
      const served = await serveDisk(ports, { id, repository, snapshot, path, format, signal })
      const name = `${point.name}-${basename(path, '.raw')}.${format}`
      return new StreamAnswer(served.bytes, {
        type: 'application/octet-stream',
        compress: false,
        headers: {
          'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
          ...(served.length === undefined ? {} : { 'content-length': String(served.length) }),
        },
      })
    },
  }
}

/** A worker gives the image over a socket that only this user can open, as long as somebody reads. */
async function serveDisk({ repositories }: DownloadPorts, { repository, snapshot, path, format, signal }: Wanted) {
  const folder = await mkdtemp(join(tmpdir(), 'nixen-download-'))
  const socketPath = join(folder, 'socket')
  const stop = new AbortController()
  const listening = Promise.withResolvers<number | undefined>()
  const serving = repositories.run(
    'serve',
    repository,
    { snapshot, path, as: 'http', format, socketPath },
    { signal: anySignal(signal, stop.signal), items: ([first]) => listening.resolve(first?.length) },
  )
  // Also when nobody ever reads: the request's signal ends it.
  const ended = (async () => {
    await serving.catch((error: unknown) => listening.reject(error))
    await rm(folder, { recursive: true, force: true })
  })()
  const end = async (): Promise<void> => {
    stop.abort()
    await ended
  }
  try {
    const length = await listening.promise
    return { length, bytes: bytesOf(socketPath, end) }
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
