import { parsePointId, pointErrors, type Permission, demandPermission, type PointId } from '@nixen/api'
import type { Principal } from '../auth/principal.ts'
import type { Catalogue } from '../repositories/catalogue.ts'

/** A restore point that somebody may see, and do `permission` with. What one may not see is not there. @throws point.not_found, request.not_allowed */
export function visiblePoint(
  catalogue: Pick<Catalogue, 'get'>,
  id: PointId,
  { who, permission }: { readonly who: Principal; readonly permission?: Permission },
) {
  const parts = parsePointId(id)
  const point = parts && catalogue.get(parts.repository, parts.snapshot)
  const reach = who.access.reach('point:read')
  if (!parts || !point || reach === 'none' || (reach !== 'all' && !reach(point))) throw pointErrors.not_found({ id })
  if (permission !== undefined) demandPermission(who.access, permission, point)
  return { point, ...parts }
}
