import { checkGrants, newOwnId, roleErrors, type Role, type RoleId } from '@nixen/api'
import type { Authenticator } from '../../auth/authenticator.ts'
import { loadRoles, nameKey } from '../../auth/people.ts'
import type { Db } from '../../db/tables.ts'
import type { GroupHandlers } from '../../http/handler.ts'

export interface RolePorts {
  readonly db: Db
  readonly authenticator: Authenticator
}

/** Roles: those that came with Nixen, and people's own. */
export function roleHandlers({ db, authenticator }: RolePorts): GroupHandlers<'role'> {
  return {
    list: async () => ({ items: await loadRoles(db) }),
    get: async ({ params: { id } }) => await demandRole(db, id),
    async create({ input: { name, description, grants }, info }) {
      checkGrants(grants)
      const id: RoleId = newOwnId<'role'>()
      await db.transaction().execute(async (state) => {
        await demandFree(state, name, undefined)
        const json = JSON.stringify(grants)
        const values = { id, name, name_key: nameKey(name), description: description ?? null, grants_json: json }
        await state.insertInto('roles').values(values).execute()
      })
      info.note({ on: id, onName: name })
      return await demandRole(db, id)
    },
    async update({ params: { id }, input: { name, description, grants }, info }) {
      const role = await demandOwn(db, id)
      info.note({ onName: role.name })
      if (grants) checkGrants(grants)
      await db.transaction().execute(async (state) => {
        if (name !== undefined) await demandFree(state, name, id)
        const columns = {
          ...(name === undefined ? {} : { name, name_key: nameKey(name) }),
          ...(description === undefined ? {} : { description }),
          ...(grants === undefined ? {} : { grants_json: JSON.stringify(grants) }),
        }
        if (Object.keys(columns).length > 0) {
          await state.updateTable('roles').set(columns).where('id', '=', id).execute()
        }
      })
      authenticator.changed()
      return await demandRole(db, id)
    },
    async delete({ params: { id }, info }) {
      const role = await demandOwn(db, id)
      info.note({ onName: role.name })
      await db.transaction().execute(async (state) => {
        const users = await state.selectFrom('user_roles').select('user_id').where('role_id', '=', id).execute()
        const groups = await state.selectFrom('group_roles').select('group_id').where('role_id', '=', id).execute()
        if (users.length + groups.length > 0) {
          throw roleErrors.in_use({ id, users: users.length, groups: groups.length })
        }
        await state.deleteFrom('roles').where('id', '=', id).execute()
      })
      return undefined
    },
  }
}

async function demandRole(db: Db, id: RoleId): Promise<Role> {
  const role = (await loadRoles(db)).find((candidate) => candidate.id === id)
  if (!role) throw roleErrors.not_found({ id })
  return role
}

async function demandOwn(db: Db, id: RoleId): Promise<Role> {
  const role = await demandRole(db, id)
  if (role.builtin) throw roleErrors.builtin({ id })
  return role
}

async function demandFree(db: Db, name: string, but: RoleId | undefined): Promise<void> {
  const other = (await loadRoles(db)).find((role) => nameKey(role.name) === nameKey(name))
  if (other && other.id !== but) throw roleErrors.exists({ name })
}
