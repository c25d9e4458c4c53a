import type { Database } from '../db/database.ts'
import type { Ref } from '../generated/rows.ts'
import { masterOf } from '../pool/pool.ts'
import { sidOf, type DirectoryEntry } from './directory.ts'
import { isSubjectRole, strongest, type SubjectRole } from './roles.ts'

/** Windows domain of the simulated directory. */
const domain = 'NIXEN'
/** What `external_auth_service_name` says when subjects are given at the start. */
const service = 'nixen.test'

/** What a subject may do in the pool. */
export interface Membership {
  readonly subject: Ref<'subject'>
  /** The strongest role of all that the user and their groups have; `undefined` when they have none. */
  readonly role: SubjectRole | undefined
}

/** Whether the pool asks a directory at all. */
export function usesDirectory(db: Database): boolean {
  return db.get('host', masterOf(db)).external_auth_type !== ''
}

/** The subjects of the pool that a user is, by themselves or by a group; `undefined` when there are none. */
export function membershipOf(db: Database, { sid, groups }: DirectoryEntry): Membership | undefined {
  const sids = new Set([sid, ...groups.map((group) => sidOf(group))])
  const found = [...db.rows('subject')].filter(({ values }) => sids.has(values.subject_identifier))
  const [first] = found
  if (!first) return undefined
  const names = found.flatMap(({ values }) => values.roles.map((role) => db.find('role', role)?.name_label ?? ''))
  return { subject: first.ref, role: strongest(db.model, names.filter(isSubjectRole)) }
}

/** What the directory tells of a user or a group, with the names of a host. */
export function informationOf({ name, sid, isGroup, groups, suspended }: DirectoryEntry): Record<string, string> {
  const base = {
    'subject-name': `${domain}\\${name}`,
    'subject-sid': sid,
    'subject-is-group': String(isGroup),
  }
  if (isGroup) return base
  return {
    ...base,
    'subject-upn': `${name}@${service}`,
    'subject-displayname': name,
    'subject-gecos': '',
    'subject-account-disabled': String(suspended),
    'subject-account-locked': 'false',
    'subject-account-expired': 'false',
    'subject-password-expired': 'false',
    'contains-byname': groups.map((group) => `${domain}\\${group}`).join(','),
  }
}

/** Joins the hosts to the simulated directory, unless they are, and lets a user of it in. A subject that is there keeps its roles. */
export function admit(db: Database, entry: DirectoryEntry, roleName: SubjectRole): void {
  if (!usesDirectory(db)) {
    for (const { ref } of db.rows('host')) {
      db.update(ref, { external_auth_type: 'AD', external_auth_service_name: service })
    }
  }
  if (membershipOf(db, entry)) return
  const role = [...db.rows('role')].find(({ values }) => values.name_label === roleName)
  db.insert('subject', {
    subject_identifier: entry.sid,
    other_config: informationOf(entry),
    roles: role ? [role.ref] : [],
  })
}
