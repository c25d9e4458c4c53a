import { isXapiError, type Ref } from '@nixen/xapi'
import type { PoolContext } from './context.ts'

/** Key of the pool's `other_config`; the one of Xen Orchestra, so that both move VMs over the same network. */
export const migrationNetworkKey = 'xo:migrationNetwork'

/** The network that is set for migrations; `undefined` when there is none, or it is gone. */
export async function migrationNetwork({ xapi }: PoolContext): Promise<Ref<'network'> | undefined> {
  const { pool, network } = xapi.client
  const [record] = (await pool.get_all_records()).values()
  const uuid = record?.other_config[migrationNetworkKey]
  if (uuid === undefined) return undefined
  try {
    return await network.get_by_uuid(uuid)
  } catch (error) {
    if (isXapiError(error, 'UUID_INVALID')) return undefined
    throw error
  }
}
