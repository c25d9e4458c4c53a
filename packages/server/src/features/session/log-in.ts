import { authErrors, newOwnId, userErrors, type Contract, type UserId } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Attempts } from '../../auth/attempts.ts'
import type { Authenticator } from '../../auth/authenticator.ts'
import { adminRole, nameKey } from '../../auth/people.ts'
import { demandStrongPassword, hashPassword, verifyPassword } from '../../auth/passwords.ts'
import type { SecondFactor } from '../../auth/second-factor.ts'
import type { SetUp } from '../../auth/setup.ts'
import type { Db } from '../../db/tables.ts'
import type { Handler, RequestInfo } from '../../http/handler.ts'
import { meOf } from './me.ts'

export interface SessionPorts {
  readonly db: Db
  readonly clock: Clock
  readonly authenticator: Authenticator
  readonly attempts: Attempts
  readonly secondFactor: SecondFactor
  readonly setUp: SetUp
}

type SessionContract = Contract['session']

export function setUpHandler({ db, clock, authenticator, setUp }: SessionPorts): Handler<SessionContract['setUp']> {
  return async ({ input: { token, name, password }, info }) => {
    setUp.demand(token)
    demandStrongPassword(password, name)
    const hash = await hashPassword(password)
    // Again, after the hash: two requests at once must not both get through.
    setUp.demand(token)
    setUp.close()
    const id: UserId = newOwnId<'user'>()
    const values = { id, name, name_key: nameKey(name), password: hash, disabled: 0, created: clock.now() }
    try {
      await db.transaction().execute(async (state) => {
        const empty = { full_name: null, email: null, totp: null, totp_offer: null, totp_step: null }
        await state
          .insertInto('users')
          .values({ ...values, ...empty, recovery_json: null, last_login: clock.now() })
          .execute()
        await state.insertInto('user_roles').values({ user_id: id, role_id: adminRole }).execute()
      })
    } catch (error) {
      // Nothing was kept, a full disk for example: the same link works again.
      setUp.reopen(token)
      throw error
    }
    info.note({ on: id, onName: name, userName: name })
    return await open(id, info, authenticator)
  }
}

export function logInHandler(ports: SessionPorts): Handler<SessionContract['logIn']> {
  const { db, clock, authenticator, attempts, secondFactor, setUp } = ports
  return async ({ input: { name, password, code }, info }) => {
    info.note({ userName: name })
    if (setUp.open) throw authErrors.setup_required()
    const keys = [`name ${nameKey(name)}`, `address ${info.address}`]
    attempts.begin(keys)
    const row = await db.selectFrom('users').selectAll().where('name_key', '=', nameKey(name)).executeTakeFirst()
    const right = await verifyPassword(password, row?.password)
    if (!row || !right || row.disabled === 1) throw authErrors.wrong_credentials()
    if (row.totp !== null) {
      if (code === undefined) {
        // The password was right: asking for the code is no failure.
        attempts.succeed(keys)
        throw authErrors.code_required()
      }
      if (!(await secondFactor.check(row, code))) throw authErrors.wrong_credentials()
    }
    attempts.succeed(keys)
    await db.updateTable('users').set({ last_login: clock.now() }).where('id', '=', row.id).execute()
    return await open(row.id, info, authenticator)
  }
}

export function changePasswordHandler(ports: SessionPorts): Handler<SessionContract['changePassword']> {
  const { db, authenticator, attempts } = ports
  return async ({ input: { current, password }, who, info }) => {
    const { user } = who
    const keys = [`password ${user.id}`]
    attempts.begin(keys)
    const row = await db.selectFrom('users').selectAll().where('id', '=', user.id).executeTakeFirst()
    if (!row) throw userErrors.not_found({ id: user.id })
    if (!(await verifyPassword(current, row.password))) throw authErrors.wrong_credentials()
    attempts.succeed(keys)
    demandStrongPassword(password, user.name)
    const hash = await hashPassword(password)
    const kept = who.via.kind === 'session' ? who.via.hash : ''
    await db.transaction().execute(async (state) => {
      await state.updateTable('users').set({ password: hash }).where('id', '=', user.id).execute()
      await state.deleteFrom('sessions').where('user_id', '=', user.id).where('hash', '!=', kept).execute()
    })
    info.note({ on: user.id, onName: user.name })
    authenticator.changed()
    return undefined
  }
}

async function open(id: UserId, info: RequestInfo, authenticator: Authenticator) {
  const secret = await authenticator.begin(id, { address: info.address, agent: info.agent })
  authenticator.changed()
  const principal = await authenticator.bySession(secret)
  info.setSession({ value: secret })
  return meOf(principal)
}
