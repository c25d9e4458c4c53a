import { connectionErrors } from '@nixen/api'
import type { InstantActions } from '../../instant/instant-actions.ts'

/** Why not: design 0012, "What XAPI hosts can". */
const impossible =
  'Hosts of XAPI attach disks of their storage drivers only, and none of them opens an NBD export. Restore the VM, or give its disks away ("nixen point export") and attach them inside a running VM.'

/** What is missing on a pool, in words. */
export function xapiInstant(): InstantActions {
  const refuse = async (): Promise<never> =>
    await Promise.reject(
      connectionErrors.unsupported({ action: 'Starting a VM from a repository', reason: impossible }),
    )
  return { impossible, reach: 'tls', start: refuse, move: refuse }
}
