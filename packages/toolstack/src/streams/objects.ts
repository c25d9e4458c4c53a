import type { Database } from '../db/database.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import type { Pool } from '../pool/pool.ts'

/** The object that a parameter names by reference or UUID; `HANDLE_INVALID`, `UUID_INVALID`. */
export function namedObject<C extends 'VM' | 'VDI' | 'SR' | 'host' | 'console'>(
  db: Database,
  cls: C,
  text: string | null | undefined,
): Ref<C> {
  if (text === null || text === undefined || text === '') throw fault('HANDLE_INVALID', cls, '')
  // Any text may come here; `find` says whether it is a reference of this class.
  const ref = text as Ref<C>
  if (db.find(cls, ref)) return ref
  if (text.startsWith('OpaqueRef:')) throw fault('HANDLE_INVALID', cls, text)
  return db.byUuid(cls, text)
}

/** Hosts on which an SR is plugged. */
export function hostsOfSr(db: Database, sr: Ref<'SR'>): Ref<'host'>[] {
  return [...db.get('SR', sr).PBDs]
    .map((pbd) => db.get('PBD', pbd))
    .filter(({ currently_attached }) => currently_attached)
    .map(({ host }) => host)
}

/** The host to ask for all of these SRs: `asked` when it sees them. `undefined` when no host does. */
export function hostSeeing(db: Database, srs: Iterable<Ref<'SR'>>, asked: Ref<'host'>): Ref<'host'> | undefined {
  const each = [...srs].map((sr) => hostsOfSr(db, sr))
  if (each.every((hosts) => hosts.includes(asked))) return asked
  return each[0]?.find((host) => each.every((hosts) => hosts.includes(host)))
}

/** The SR of a parameter, or the pool's default; `HANDLE_INVALID` when there is neither. */
export function targetSr({ db }: Pool, query: URLSearchParams): Ref<'SR'> {
  const named = query.get('sr_id') ?? query.get('sr_uuid')
  if (named !== null && named !== '') return namedObject(db, 'SR', named)
  for (const { values } of db.rows('pool')) if (db.find('SR', values.default_SR)) return values.default_SR
  throw fault('HANDLE_INVALID', 'SR', '')
}
