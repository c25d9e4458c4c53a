import { listObjects, newOwnId, roleErrors, userErrors, type RoleId, type User, type UserId } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Authenticator } from '../../auth/authenticator.ts'
import type { SetUp } from '../../auth/setup.ts'
import { hasAdmin, loadRoles, loadUser, loadUsers, nameKey } from '../../auth/people.ts'
import { demandStrongPassword, hashPassword } from '../../auth/passwords.ts'
import type { Db } from '../../db/tables.ts'
import type { GroupHandlers } from '../../http/handler.ts'

export interface UserPorts {
  readonly db: Db
  readonly clock: Clock
  readonly authenticator: Authenticator
  readonly setUp: SetUp
}

/** Users. */
export function userHandlers({ db, clock, authenticator, setUp }: UserPorts): GroupHandlers<'user'> {
  return {
    async list({ input, who }) {
      const reach = who.access.reach('user:read')
      const visible = typeof reach === 'function' ? { visible: reach } : {}
      return listObjects('user', await loadUsers(db), { ...input, now: clock.now(), ...visible })
    },
    get: async ({ params: { id } }) => await demandUser(db, id),
    async create({ input: { name, password, roles = [], ...more }, info }) {
      demandStrongPassword(password, name)
      const id: UserId = newOwnId<'user'>()
      const hash = await hashPassword(password)
      const now = clock.now()
      const none = { totp: null, totp_offer: null, totp_step: null, recovery_json: null, last_login: null }
      const user = { id, name, name_key: nameKey(name), password: hash, created: now, ...none }
      await db.transaction().execute(async (state) => {
        await demandFree(state, name, undefined)
        await state
          .insertInto('users')
          .values({
            ...user,
            full_name: more.fullName ?? null,
            email: more.email ?? null,
            disabled: Number(more.disabled ?? false),
          })
          .execute()
        await setRoles(state, id, roles)
      })
      // The first user may also be made by the local door: then the set-up link must not work any more.
      setUp.close()
      info.note({ on: id, onName: name })
      authenticator.changed()
      return await demandUser(db, id)
    },
    async update({ params: { id }, input, info }) {
      const user = await demandUser(db, id)
      if (input.password !== undefined) demandStrongPassword(input.password, input.name ?? user.name)
      const password = input.password === undefined ? {} : { password: await hashPassword(input.password) }
      await db.transaction().execute(async (state) => {
        const had = await hasAdmin(state)
        if (input.name !== undefined) await demandFree(state, input.name, id)
        const columns = {
          ...password,
          ...(input.name === undefined ? {} : { name: input.name, name_key: nameKey(input.name) }),
          ...(input.fullName === undefined ? {} : { full_name: input.fullName }),
          ...(input.email === undefined ? {} : { email: input.email }),
          ...(input.disabled === undefined ? {} : { disabled: Number(input.disabled) }),
          ...(input.totp === undefined ? {} : { totp: null, totp_offer: null, totp_step: null, recovery_json: null }),
        }
        if (Object.keys(columns).length > 0) {
          await state.updateTable('users').set(columns).where('id', '=', id).execute()
        }
        if (input.roles) await setRoles(state, id, input.roles)
        if (input.password !== undefined || input.disabled) {
          await state.deleteFrom('sessions').where('user_id', '=', id).execute()
        }
        if (had && !(await hasAdmin(state))) throw userErrors.last_admin()
      })
      info.note({ onName: user.name })
      authenticator.changed()
      return await demandUser(db, id)
    },
    async delete({ params: { id }, info }) {
      const user = await demandUser(db, id)
      info.note({ onName: user.name })
      await db.transaction().execute(async (state) => {
        const had = await hasAdmin(state)
        await state.deleteFrom('users').where('id', '=', id).execute()
        if (had && !(await hasAdmin(state))) throw userErrors.last_admin()
      })
      authenticator.changed()
      return undefined
    },
  }
}

async function demandUser(db: Db, id: UserId): Promise<User> {
  const user = await loadUser(db, id)
  if (!user) throw userErrors.not_found({ id })
  return user
}

async function demandFree(db: Db, name: string, but: UserId | undefined): Promise<void> {
  const other = await db.selectFrom('users').select('id').where('name_key', '=', nameKey(name)).executeTakeFirst()
  if (other && other.id !== but) throw userErrors.exists({ name })
}

async function setRoles(db: Db, user: UserId, roles: readonly RoleId[]): Promise<void> {
  const known = new Set((await loadRoles(db)).map(({ id }) => id))
  for (const role of roles) if (!known.has(role)) throw roleErrors.not_found({ id: role })
  await db.deleteFrom('user_roles').where('user_id', '=', user).execute()
  for (const role of new Set(roles))
    await db.insertInto('user_roles').values({ user_id: user, role_id: role }).execute()
}
