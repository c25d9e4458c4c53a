import { cloudConfigErrors, demandPermission, type CloudConfig, type CloudConfigId } from '@nixen/api'
import { isRecord } from '@nixen/core'
import type { Principal } from '../auth/principal.ts'
import type { Db } from '../db/tables.ts'

/**
 * A request whose `cloudInit` names a saved configuration gets its texts; those of its own go before. Providers know of no saved ones.
 *
 * @throws cloud_config.not_found, auth.forbidden
 */
export async function withSaved<R extends object>(db: Db, request: R, who: Principal): Promise<R> {
  const cloudInit = 'cloudInit' in request ? request.cloudInit : undefined
  if (!isRecord(cloudInit) || typeof cloudInit['config'] !== 'string') return request
  const { config, ...own } = cloudInit
  // The endpoint's own schema made sure that it is an id.
  const id = config as CloudConfigId
  demandPermission(who.access, 'template:read')
  const row = await db.selectFrom('cloud_configs').select('config_json').where('id', '=', id).executeTakeFirst()
  if (!row) throw cloudConfigErrors.not_found({ id })
  // Written by the feature of saved configurations.
  const { user, network } = JSON.parse(row.config_json) as CloudConfig
  return { ...request, cloudInit: { user, ...(network === undefined ? {} : { network }), ...own } }
}
