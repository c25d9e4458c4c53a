import { join } from 'node:path'
import { Room, Spool } from '../features/transfer/spool.ts'
import { Uploads } from '../features/transfer/uploads.ts'
import type { Base } from './base.ts'

/** Files on their way in and out. */
export interface Transfers {
  readonly spool: Spool
  readonly uploads: Uploads
}

/** Where files of imports and exports are kept for a while. */
export async function openTransfers({ config, clock, log, options, parts }: Base): Promise<Transfers> {
  const room = new Room(() => config.values['transfer.cache_limit'])
  const spool = new Spool(join(options.stateDir, 'cache', 'transfers'), room)
  await spool.start()
  const uploads = parts.use(new Uploads({ folder: join(options.stateDir, 'uploads'), room, clock, log }))
  await uploads.start()
  return { spool, uploads }
}
