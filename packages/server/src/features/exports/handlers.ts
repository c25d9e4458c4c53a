import { isAppError } from '@nixen/core'
import { exportErrors, pointErrors, type ExportId } from '@nixen/api'
import type { Principal } from '../../auth/principal.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import { visiblePoint } from '../../prove/visible-point.ts'
import { instantHandlers, type InstantHandlerPorts } from './instant-handlers.ts'

export type ExportHandlerPorts = InstantHandlerPorts

/** Disks of restore points for NBD clients. */
export function exportHandlers(ports: ExportHandlerPorts): {
  readonly export: GroupHandlers<'export'>
  readonly point: Pick<GroupHandlers<'point'>, 'export' | 'start'>
} {
  const { catalogue, exports, repositories, inventory } = ports
  const { start, move } = instantHandlers(ports)
  const demand = async (id: ExportId, who: Principal) => {
    const found = await exports.get(id)
    if (!maySee(found, who)) throw exportErrors.not_found({ id })
    return found
  }
  /** An export of a point that one may not see is not there; one of a point that is forgotten meanwhile is for who may see all. */
  const maySee = ({ point }: { readonly point: Parameters<typeof visiblePoint>[1] }, who: Principal): boolean => {
    if (who.access.reach('point:read') === 'all') return true
    try {
      visiblePoint(catalogue, point, { who })
      return true
    } catch (error) {
      if (isAppError(error, 'point.not_found')) return false
      throw error
    }
  }
  return {
    export: {
      list: async ({ who }) => ({ items: (await exports.list()).filter((one) => maySee(one, who)) }),
      get: async ({ params: { id }, who }) => await demand(id, who),
      async remove({ params: { id }, who, info }) {
        const { vm, runs } = await demand(id, who)
        info.note({ on: id, onName: vm })
        // A VM that is gone needs it no more.
        if (runs !== undefined && inventory.get('vm', runs)) throw exportErrors.in_use({ id, vm })
        await exports.remove(id)
      },
      move,
    },
    point: {
      start,
      async export({ params: { id }, input: wish, who, info }) {
        const { point, repository, snapshot } = visiblePoint(catalogue, id, { who, permission: 'point:restore' })
        info.note({ on: id, onName: point.name })
        const { files } = await repositories.run('content', repository, { snapshot }, { signal: info.signal })
        const all = files.map(({ path }) => path).filter((path) => path.endsWith('.raw'))
        const wanted = wish.disks ?? all
        if (wanted.length === 0 || wanted.some((path) => !all.includes(path)))
          throw pointErrors.which_disk({ id, disks: all })
        return await exports.create({ point, disks: [...new Set(wanted)], wish, by: who.user.name })
      },
    },
  }
}
