import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import type { DirectoryEntry } from '../session/directory.ts'
import { isSubjectRole, leastRole, permissionsOf, roleAllows } from '../session/roles.ts'
import { informationOf, usesDirectory } from '../session/subjects.ts'

/** Permissions of some roles, each once. */
function permissionNames({ db }: Call, roles: readonly Ref<'role'>[]): string[] {
  const names = roles.map((role) => db.get('role', role).name_label).filter(isSubjectRole)
  return [...new Set(names.flatMap((name) => permissionsOf(db.model, name)))]
}

export const subject: MethodSet = methods('subject', {
  /** A new subject has no role: it can't log in until it gets one. */
  create({ db }, { subject_identifier, other_config }) {
    for (const { values } of db.rows('subject')) {
      if (values.subject_identifier === subject_identifier) throw fault('SUBJECT_ALREADY_EXISTS')
    }
    return db.insert('subject', { subject_identifier, other_config, roles: [] })
  },

  destroy({ db }, self) {
    db.get('subject', self)
    db.remove(self)
  },

  add_to_roles({ db }, self, role) {
    db.get('role', role)
    const { roles } = db.get('subject', self)
    if (roles.includes(role)) throw fault('ROLE_ALREADY_EXISTS')
    db.update(self, { roles: [...roles, role] })
  },

  remove_from_roles({ db }, self, role) {
    const { roles } = db.get('subject', self)
    if (!roles.includes(role)) throw fault('ROLE_NOT_FOUND')
    db.update(self, { roles: roles.filter((other) => other !== role) })
  },

  get_permissions_name_label: (call, self) => permissionNames(call, call.db.get('subject', self).roles),
})

export const role: MethodSet = methods('role', {
  /** The permissions of a role are no rows here. */
  get_permissions({ db }, self) {
    db.get('role', self)
    return []
  },

  get_permissions_name_label: (call, self) => permissionNames(call, [self]),

  get_by_permission({ db }, permission) {
    db.get('role', permission)
    return []
  },

  get_by_permission_name_label({ db }, label) {
    const least = leastRole(db.model, label)
    if (least === undefined) return []
    const allowed = [...db.rows('role')].filter(({ values: { name_label } }) => {
      return isSubjectRole(name_label) && roleAllows(db.model, name_label, least)
    })
    return allowed.map(({ ref }) => ref)
  },
})

function entryOf(
  call: Call,
  find: (directory: Call['pool']['directory']) => DirectoryEntry | undefined,
): DirectoryEntry {
  if (!usesDirectory(call.db)) throw fault('AUTH_IS_DISABLED')
  const entry = find(call.pool.directory)
  if (!entry) throw fault('SUBJECT_CANNOT_BE_RESOLVED')
  return entry
}

export const auth: MethodSet = methods('auth', {
  get_subject_identifier: (call, name) => entryOf(call, (directory) => directory.byName(name)).sid,
  get_subject_information_from_identifier: (call, sid) =>
    informationOf(entryOf(call, (directory) => directory.bySid(sid))),
  get_group_membership(call, sid) {
    const { groups } = entryOf(call, (directory) => directory.bySid(sid))
    return groups.flatMap((group) => call.pool.directory.byName(group)?.sid ?? [])
  },
})
