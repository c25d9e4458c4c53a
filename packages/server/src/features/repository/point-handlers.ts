import {
  demandPermission,
  listObjects,
  parsePointId,
  pointErrors,
  type Point,
  type PointId,
  type RepositoryId,
} from '@nixen/api'
import { isAppError, type Clock } from '@nixen/core'
import type { Principal } from '../../auth/principal.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import type { Catalogue } from '../../repositories/catalogue.ts'
import type { Repositories } from '../../repositories/repositories.ts'

export interface PointPorts {
  readonly repositories: Repositories
  readonly catalogue: Catalogue
  readonly clock: Clock
}

interface Found {
  readonly point: Point
  readonly repository: RepositoryId
  readonly snapshot: string
}

/** Restore points of all repositories. */
export function pointHandlers({
  repositories,
  catalogue,
  clock,
}: PointPorts): Pick<GroupHandlers<'point'>, 'list' | 'get' | 'forget'> {
  /** What one may not see is not there. */
  const demand = (id: PointId, who: Principal): Found => {
    const parts = parsePointId(id)
    const point = parts && catalogue.get(parts.repository, parts.snapshot)
    const reach = who.access.reach('point:read')
    if (!parts || !point || reach === 'none' || (reach !== 'all' && !reach(point))) throw pointErrors.not_found({ id })
    return { point, ...parts }
  }
  return {
    async list({ input, who }) {
      const reach = who.access.reach('point:read')
      const visible = typeof reach === 'function' ? { visible: reach } : {}
      const context = { now: clock.now(), nameOf: (id: string) => repositories.nameOf(id), ...visible }
      return listObjects('point', catalogue.all(), { ...input, ...context, defaultSort: '-time' })
    },
    async get({ params: { id }, who, info: { signal } }) {
      const { point, repository, snapshot } = demand(id, who)
      try {
        const { files, vm } = await repositories.run('content', repository, { snapshot }, { signal })
        const isDisk = ({ path }: { path: string }): boolean => path.endsWith('.raw')
        const ours = new Set(['/vm.json', '/README-RESTORE.txt'])
        return {
          point,
          disks: files.filter(isDisk),
          files: files.filter((file) => !isDisk(file) && !ours.has(file.path)),
          vm,
        }
      } catch (error) {
        if (!isAppError(error) || !isGone(error)) throw error
        catalogue.remove(repository, [snapshot])
        throw pointErrors.gone({ id, name: point.name }, { cause: error })
      }
    },
    async forget({ input: { ids }, who, info }) {
      const found = [...new Set(ids)].map((id) => demand(id, who))
      for (const { point } of found) demandPermission(who.access, 'point:forget', point)
      info.note({ onName: [...new Set(found.map(({ point }) => point.name))].join(', ').slice(0, 500) })
      let forgotten = 0
      for (const [repository, group] of Map.groupBy(found, (one) => one.repository)) {
        const what = { by: 'name', snapshots: group.map(({ snapshot }) => snapshot) } as const
        const result = await repositories.run('forget', repository, { what, execute: true }, { signal: info.signal })
        forgotten += result.forgotten
        // Also those that somebody else had forgotten before.
        catalogue.remove(repository, what.snapshots)
      }
      return { forgotten }
    },
  }
}

/** The worker names the file of a snapshot that is not there. */
function isGone({ code, cause }: { readonly code: string; readonly cause?: unknown }): boolean {
  return (
    code === 'backup.snapshot_not_found' ||
    (code === 'repository.storage_failed' && isAppError(cause, 'storage.not_found'))
  )
}
