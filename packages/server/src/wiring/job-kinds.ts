import type { RepositoryId } from '@nixen/api'
import { actionKind } from '../jobs/action-kind.ts'
import type { JobPorts } from '../jobs/jobs.ts'
import { snapshotKind } from '../jobs/snapshot-kind.ts'
import { mirrorKind } from '../mirror/mirror-kind.ts'
import { backupKind } from '../protect/backup-kind.ts'
import { metadataKind } from '../protect/metadata-kind.ts'
import { verifyKind } from '../prove/verify-kind.ts'
import { replicateKind } from '../replicate/replicate-kind.ts'
import { backupState } from '../state/backup.ts'
import type { Base } from './base.ts'
import type { JobRooms } from './jobs.ts'

/** What a job can do, each kind in a folder of its own. */
export function jobKinds({ clock, options, config }: Base, { live, stores, proof }: JobRooms): JobPorts['kinds'] {
  const { inventory, connections } = live
  const { repositories, catalogue, pool } = stores
  const { checks } = proof
  const verifiedIn = (id: RepositoryId): readonly string[] => checks.verifiedIn(id)
  return {
    action: actionKind({ inventory, connections }),
    snapshot: snapshotKind({ inventory, connections, clock }),
    backup: backupKind({ inventory, connections, repositories, clock, verifiedIn }),
    metadata: metadataKind({
      inventory,
      connections,
      repositories,
      clock,
      backupState: async (to) => {
        const databaseUrl = config.values['database.url']
        return await backupState(options.stateDir, to, { databaseUrl, now: clock.now() })
      },
    }),
    mirror: mirrorKind({ repositories, catalogue, clock }),
    replicate: replicateKind({ inventory, connections, pool }),
    verify: verifyKind({ inventory, connections, repositories, catalogue, checks, clock }),
  }
}
