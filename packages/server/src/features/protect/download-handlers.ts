import { basename } from 'node:path'
import { pointErrors } from '@nixen/api'
import { StreamAnswer, type GroupHandlers } from '../../http/handler.ts'
import type { Catalogue } from '../../repositories/catalogue.ts'
import type { Repositories } from '../../repositories/repositories.ts'
import { demandPoint } from './restore-handlers.ts'
import { streamFromWorker } from './worker-stream.ts'

export interface DownloadPorts {
  readonly repositories: Repositories
  readonly catalogue: Catalogue
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
      const { facts, bytes } = await streamFromWorker<{ readonly length?: number | undefined }>(
        ({ socketPath, signal: stop, listening }) =>
          ports.repositories.run(
            'serve',
            repository,
            { snapshot, path, as: 'http', format, socketPath },
            { signal: stop, items: ([first]) => first && listening(first) },
          ),
        signal,
      )
      const name = `${point.name}-${basename(path, '.raw')}.${format}`
      return new StreamAnswer(bytes, {
        type: 'application/octet-stream',
        compress: false,
        headers: {
          'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
          ...(facts.length === undefined ? {} : { 'content-length': String(facts.length) }),
        },
      })
    },
  }
}
