import { isUuid, type Log } from '@nixen/core'
import { serveNbd, type DiskSource, type NbdExport, type NbdServer } from '@nixen/disk'
import { isXapiError } from '@nixen/xapi'
import { cut } from '../faults/stream-faults.ts'
import type { Ref } from '../generated/rows.ts'
import type { Pool } from '../pool/pool.ts'
import { attachToDom0 } from '../storage/dom0-attachment.ts'
import { placeOf } from '../streams/raw-vdi-export.ts'
import { hostsOfSr } from '../streams/objects.ts'
import type { ServerCertificate } from '../wire/certificate.ts'
import { nbdMode } from './nbd-purpose.ts'

/** Port of NBD on a host. */
export const nbdPort = 10_809

/** A host and its pool, as they are now. */
export interface NbdHost {
  readonly pool: Pool
  readonly host: Ref<'host'>
}

/** Serves the disks that a host sees, read-only, from its address. What may connect follows the networks' purposes at that time. */
export async function startNbdServer(
  at: () => NbdHost,
  { address, port, certificate, log }: { address: string; port: number; certificate: ServerCertificate; log: Log },
): Promise<NbdServer> {
  return await serveNbd({
    listen: { host: address, port },
    // Looked at for each connection.
    get tls() {
      const { pool, host } = at()
      const { cert, key } = pool.certificates.get(host) ?? certificate
      return nbdMode(pool.db) === 'plain' ? undefined : { cert, key }
    },
    exports: {
      // A host does not tell what it has.
      list: async () => [],
      async open(name) {
        const { pool, host } = at()
        return nbdMode(pool.db) === 'off' ? undefined : await openExport(pool, host, name)
      },
    },
    log,
  })
}

/** The disk that an export name (`/<vdi-uuid>?session_id=<ref>`) asks for; `undefined` for what can't be had. */
async function openExport(pool: Pool, host: Ref<'host'>, name: string): Promise<NbdExport | undefined> {
  const { db, sessions, storage } = pool
  const { pathname, searchParams } = URL.parse(name, 'nbd://host') ?? {}
  const uuid = pathname?.slice(1) ?? ''
  const session = searchParams?.get('session_id') ?? ''
  if (!isUuid(uuid) || !sessions.find(session)) return undefined
  const vdi = db.findUuid('VDI', uuid)
  if (vdi === undefined || !hostsOfSr(db, db.get('VDI', vdi).SR).includes(host)) return undefined
  try {
    const attached = attachToDom0(db, vdi, { host, mode: 'RO' })
    try {
      const source = await storage.open(placeOf(pool, vdi))
      const release = async (): Promise<void> => {
        attached[Symbol.dispose]()
        await source[Symbol.asyncDispose]()
        db.commit()
      }
      return { name, source: impeded(pool, source), release }
    } catch (error) {
      attached[Symbol.dispose]()
      throw error
    }
  } catch (error) {
    // A disk that is in use, or has no data, is as good as none for a client of NBD.
    if (!isXapiError(error)) throw error
    pool.log.info('an NBD client was refused', { vdi: uuid, error: error.code })
    return undefined
  }
}

/** The disk as slow or as broken as a fault rule makes it. */
function impeded({ faults, signal: stopped }: Pool, source: DiskSource): DiskSource {
  const stream = faults.stream('nbd')
  if (!stream) return source
  return {
    size: source.size,
    extents: (options) => source.extents(options),
    async read(offset, into, options) {
      if (stream.room(into.length) < into.length) throw cut()
      await stream.pass(into.length, options?.signal ?? stopped)
      return await source.read(offset, into, options)
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}
