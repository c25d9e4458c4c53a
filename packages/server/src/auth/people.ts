import { builtinRoles, type Grant, type Role, type RoleId, type User, type UserId } from '@nixen/api'
import type { Selectable } from 'kysely'
import type { Db, Tables } from '../db/tables.ts'

/** The role that may do everything. */
export const adminRole: RoleId = 'admin' as RoleId

/** Names are compared so: case and width do not make two people of one. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}

/** All users, or those with the ids, as the API shows them. */
export async function loadUsers(db: Db, ids?: readonly UserId[]): Promise<User[]> {
  const rows = await db
    .selectFrom('users')
    .selectAll()
    .$if(ids !== undefined, (query) => query.where('id', 'in', ids ?? []))
    .orderBy('name_key')
    .execute()
  const roles = await db.selectFrom('user_roles').selectAll().execute()
  const groups = await db.selectFrom('group_members').selectAll().execute()
  const rolesOf = Map.groupBy(roles, ({ user_id: id }) => id)
  const groupsOf = Map.groupBy(groups, ({ user_id: id }) => id)
  return rows.map((row) =>
    userOf(row, {
      roles: (rolesOf.get(row.id) ?? []).map(({ role_id: role }) => role),
      groups: (groupsOf.get(row.id) ?? []).map(({ group_id: group }) => group),
    }),
  )
}

function userOf(row: Selectable<Tables['users']>, belongs: Pick<User, 'roles' | 'groups'>): User {
  return {
    id: row.id,
    name: row.name,
    ...(row.full_name === null ? {} : { fullName: row.full_name }),
    ...(row.email === null ? {} : { email: row.email }),
    source: 'local',
    disabled: row.disabled === 1,
    ...belongs,
    totp: row.totp !== null,
    created: row.created,
    ...(row.last_login === null ? {} : { lastLogin: row.last_login }),
  }
}

export async function loadUser(db: Db, id: UserId): Promise<User | undefined> {
  const [user] = await loadUsers(db, [id])
  return user
}

/** All roles: those that came with Nixen, then the others by name. */
export async function loadRoles(db: Db): Promise<Role[]> {
  const rows = await db.selectFrom('roles').selectAll().orderBy('name_key').execute()
  return [...builtinRoles, ...rows.map((row) => roleOf(row))]
}

function roleOf(row: Selectable<Tables['roles']>): Role {
  return {
    id: row.id,
    name: row.name,
    ...(row.description === null ? {} : { description: row.description }),
    builtin: false,
    grants: readGrants(row.grants_json),
  }
}

/** What a user may do by all roles, direct and of groups. */
export async function grantsOf(db: Db, user: User): Promise<Grant[]> {
  const ofGroups =
    user.groups.length === 0
      ? []
      : await db.selectFrom('group_roles').select('role_id').where('group_id', 'in', user.groups).execute()
  const wanted = new Set<RoleId>([...user.roles, ...ofGroups.map(({ role_id: role }) => role)])
  const roles = await loadRoles(db)
  return roles.filter(({ id }) => wanted.has(id)).flatMap(({ grants }) => grants)
}

/** Whether somebody who can log in may do everything. */
export async function hasAdmin(db: Db): Promise<boolean> {
  const direct = db
    .selectFrom('users')
    .innerJoin('user_roles', 'user_roles.user_id', 'users.id')
    .select('users.id')
    .where('users.disabled', '=', 0)
    .where('user_roles.role_id', '=', adminRole)
  const byGroup = db
    .selectFrom('users')
    .innerJoin('group_members', 'group_members.user_id', 'users.id')
    .innerJoin('group_roles', 'group_roles.group_id', 'group_members.group_id')
    .select('users.id')
    .where('users.disabled', '=', 0)
    .where('group_roles.role_id', '=', adminRole)
  const found = await direct.unionAll(byGroup).limit(1).executeTakeFirst()
  return found !== undefined
}

/** Grants as they are kept. */
export function readGrants(json: string): Grant[] {
  // Written by the server from what the contract's schema let through.
  return JSON.parse(json) as Grant[]
}
