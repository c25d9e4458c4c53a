import {
  groupErrors,
  newOwnId,
  roleErrors,
  userErrors,
  type Group,
  type GroupId,
  type RoleId,
  type UserId,
} from '@nixen/api'
import type { Selectable } from 'kysely'
import type { Authenticator } from '../../auth/authenticator.ts'
import { hasAdmin, loadRoles, nameKey } from '../../auth/people.ts'
import type { Db, Tables } from '../../db/tables.ts'
import type { GroupHandlers } from '../../http/handler.ts'

export interface GroupPorts {
  readonly db: Db
  readonly authenticator: Authenticator
}

/** Groups of users. */
export function groupHandlers({ db, authenticator }: GroupPorts): GroupHandlers<'group'> {
  return {
    list: async () => ({ items: await loadGroups(db) }),
    get: async ({ params: { id } }) => await demandGroup(db, id),
    async create({ input: { name, description, members = [], roles = [] }, info }) {
      const id: GroupId = newOwnId<'group'>()
      await db.transaction().execute(async (state) => {
        await demandFree(state, name, undefined)
        const values = { id, name, name_key: nameKey(name), description: description ?? null }
        await state.insertInto('groups').values(values).execute()
        await setMembers(state, id, members)
        await setRoles(state, id, roles)
      })
      info.note({ on: id, onName: name })
      authenticator.changed()
      return await demandGroup(db, id)
    },
    async update({ params: { id }, input: { name, description, members, roles }, info }) {
      const group = await demandGroup(db, id)
      info.note({ onName: group.name })
      await db.transaction().execute(async (state) => {
        const had = await hasAdmin(state)
        if (name !== undefined) {
          await demandFree(state, name, id)
          await state
            .updateTable('groups')
            .set({ name, name_key: nameKey(name) })
            .where('id', '=', id)
            .execute()
        }
        if (description !== undefined) {
          await state.updateTable('groups').set({ description }).where('id', '=', id).execute()
        }
        if (members) await setMembers(state, id, members)
        if (roles) await setRoles(state, id, roles)
        if (had && !(await hasAdmin(state))) throw userErrors.last_admin()
      })
      authenticator.changed()
      return await demandGroup(db, id)
    },
    async delete({ params: { id }, info }) {
      const group = await demandGroup(db, id)
      info.note({ onName: group.name })
      await db.transaction().execute(async (state) => {
        const had = await hasAdmin(state)
        await state.deleteFrom('groups').where('id', '=', id).execute()
        if (had && !(await hasAdmin(state))) throw userErrors.last_admin()
      })
      authenticator.changed()
      return undefined
    },
  }
}

async function loadGroups(db: Db): Promise<Group[]> {
  const rows = await db.selectFrom('groups').selectAll().orderBy('name_key').execute()
  const members = Map.groupBy(await db.selectFrom('group_members').selectAll().execute(), (row) => row.group_id)
  const roles = Map.groupBy(await db.selectFrom('group_roles').selectAll().execute(), (row) => row.group_id)
  return rows.map((row) =>
    groupOf(row, {
      members: (members.get(row.id) ?? []).map(({ user_id: user }) => user),
      roles: (roles.get(row.id) ?? []).map(({ role_id: role }) => role),
    }),
  )
}

function groupOf(
  { id, name, description }: Selectable<Tables['groups']>,
  belongs: Pick<Group, 'members' | 'roles'>,
): Group {
  return { id, name, ...(description === null ? {} : { description }), source: 'local', ...belongs }
}

async function demandGroup(db: Db, id: GroupId): Promise<Group> {
  const group = (await loadGroups(db)).find((candidate) => candidate.id === id)
  if (!group) throw groupErrors.not_found({ id })
  return group
}

async function demandFree(db: Db, name: string, but: GroupId | undefined): Promise<void> {
  const other = await db.selectFrom('groups').select('id').where('name_key', '=', nameKey(name)).executeTakeFirst()
  if (other && other.id !== but) throw groupErrors.exists({ name })
}

async function setMembers(db: Db, group: GroupId, members: readonly UserId[]): Promise<void> {
  const known = new Set((await db.selectFrom('users').select('id').execute()).map(({ id }) => id))
  for (const id of members) if (!known.has(id)) throw userErrors.not_found({ id })
  await db.deleteFrom('group_members').where('group_id', '=', group).execute()
  for (const id of new Set(members)) {
    await db.insertInto('group_members').values({ group_id: group, user_id: id }).execute()
  }
}

async function setRoles(db: Db, group: GroupId, roles: readonly RoleId[]): Promise<void> {
  const known = new Set((await loadRoles(db)).map(({ id }) => id))
  for (const id of roles) if (!known.has(id)) throw roleErrors.not_found({ id })
  await db.deleteFrom('group_roles').where('group_id', '=', group).execute()
  for (const id of new Set(roles)) await db.insertInto('group_roles').values({ group_id: group, role_id: id }).execute()
}
