import { compareNatural, type StoredFile, type Volume } from '@nixen/api'
import { StreamAnswer, type GroupHandlers } from '../../http/handler.ts'
import type { Catalogue } from '../../repositories/catalogue.ts'
import type { Repositories } from '../../repositories/repositories.ts'
import type { FileFacts, VolumeFacts } from '../../worker/operations/files.ts'
import { demandPoint } from './restore-handlers.ts'
import { streamFromWorker } from './worker-stream.ts'

export interface FilePorts {
  readonly repositories: Repositories
  readonly catalogue: Catalogue
}

interface SentFacts {
  readonly name: string
  readonly length?: number | undefined
}

/** Files inside of the disks of restore points. */
export function fileHandlers(ports: FilePorts): GroupHandlers<'file'> {
  const { repositories } = ports
  return {
    async volumes({ params, who, info: { signal } }) {
      const { repository, snapshot } = demandPoint(ports, params.point, who)
      const { volumes } = await repositories.run('volumes', repository, { snapshot }, { signal })
      return { items: volumes.map(volumeOf) }
    },
    async list({ params, input, who, info: { signal } }) {
      const { repository, snapshot } = demandPoint(ports, params.point, who)
      const found: FileFacts[] = []
      const items = (some: readonly FileFacts[]): void => void found.push(...some)
      const { volume, more } = await repositories.run(
        'listFiles',
        repository,
        { snapshot, ...input },
        { signal, items },
      )
      return { volume: volume.id, notes: [...volume.notes], items: found.map(fileOf).toSorted(directoriesFirst), more }
    },
    async search({ params, input, who, info: { signal } }) {
      const { repository, snapshot } = demandPoint(ports, params.point, who)
      const found: FileFacts[] = []
      const items = (some: readonly FileFacts[]): void => void found.push(...some)
      const asked = { snapshot, ...input }
      const { volume, more } = await repositories.run('searchFiles', repository, asked, { signal, items })
      return { volume: volume.id, notes: [...volume.notes], items: found.map(fileOf), more }
    },
    async get({ params, input: { paths, volume, format }, who, info }) {
      const { point, repository, snapshot } = demandPoint(ports, params.point, who)
      info.note({ on: params.point, onName: `${point.name}: ${paths.join(', ')}`.slice(0, 500) })
      const { facts, bytes } = await streamFromWorker<SentFacts>(
        ({ socketPath, signal, listening }) =>
          repositories.run(
            'sendFiles',
            repository,
            { snapshot, volume, paths, format, socketPath },
            { signal, items: ([first]) => first && listening(first) },
          ),
        info.signal,
      )
      return new StreamAnswer(bytes, {
        type: 'application/octet-stream',
        compress: false,
        headers: {
          'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(facts.name)}`,
          ...(facts.length === undefined ? {} : { 'content-length': String(facts.length) }),
        },
      })
    },
  }
}

function volumeOf({ id, size, holds, label, uuid, free, readable, notes }: VolumeFacts): Volume {
  return { volume: id, size, holds, label, uuid, ...(free !== undefined && { free }), readable, notes: [...notes] }
}

function fileOf({ mode, ...file }: FileFacts): StoredFile {
  return { ...file, ...(mode !== undefined && { mode: mode.toString(8).padStart(4, '0') }) }
}

function directoriesFirst(a: StoredFile, b: StoredFile): number {
  const rank = ({ kind }: StoredFile): number => (kind === 'directory' ? 0 : 1)
  return rank(a) - rank(b) || compareNatural(a.name, b.name)
}
