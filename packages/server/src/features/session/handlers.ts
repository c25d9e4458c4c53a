import { authErrors, sessionErrors, userErrors, type Session, type UserId } from '@nixen/api'
import type { Selectable } from 'kysely'
import type { Principal } from '../../auth/principal.ts'
import { verifyPassword } from '../../auth/passwords.ts'
import { totpUri } from '../../auth/totp.ts'
import type { Tables } from '../../db/tables.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import { changePasswordHandler, logInHandler, setUpHandler, type SessionPorts } from './log-in.ts'
import { meOf } from './me.ts'

/** Logging in and out, sessions, second factor. */
export function sessionHandlers(ports: SessionPorts): GroupHandlers<'session'> {
  const { db, clock, authenticator, attempts, secondFactor } = ports
  const rowOf = async (id: UserId) => {
    const row = await db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()
    if (!row) throw userErrors.not_found({ id })
    return row
  }
  return {
    setUp: setUpHandler(ports),
    logIn: logInHandler(ports),
    changePassword: changePasswordHandler(ports),
    me: async ({ who }) => meOf(who),
    async logOut({ who, info }) {
      if (who.via.kind === 'session') await db.deleteFrom('sessions').where('hash', '=', who.via.hash).execute()
      info.setSession({ value: undefined })
      authenticator.changed()
      return undefined
    },
    async list({ who }) {
      const rows = await db
        .selectFrom('sessions')
        .selectAll()
        .where('user_id', '=', who.user.id)
        .where('expires', '>', clock.now())
        .orderBy('last_used', 'desc')
        .execute()
      return {
        items: rows.map((row) => sessionOf(row, who)),
      }
    },
    async end({ params: { id }, who }) {
      const result = await db
        .deleteFrom('sessions')
        .where('id', '=', id)
        .where('user_id', '=', who.user.id)
        .executeTakeFirst()
      if (result.numDeletedRows === 0n) throw sessionErrors.not_found({ id })
      authenticator.changed()
      return undefined
    },
    async offerTotp({ who }) {
      const { user } = demandPerson(who)
      if (user.totp) throw sessionErrors.totp_exists()
      const secret = await secondFactor.offer(user.id)
      return { secret, uri: totpUri({ secret, user: user.name, issuer: 'Nixen' }) }
    },
    async confirmTotp({ input: { code }, who }) {
      const { user } = demandPerson(who)
      if (user.totp) throw sessionErrors.totp_exists()
      const { totp_offer: offer } = await rowOf(user.id)
      if (offer === null) throw sessionErrors.totp_not_offered()
      const recoveryCodes = await secondFactor.confirm(user.id, { offer, code })
      if (!recoveryCodes) throw sessionErrors.totp_wrong()
      authenticator.changed()
      return { recoveryCodes }
    },
    async removeTotp({ input: { password, code }, who: { user } }) {
      const keys = [`password ${user.id}`]
      attempts.begin(keys)
      const row = await rowOf(user.id)
      const right = (await verifyPassword(password, row.password)) && (await secondFactor.check(row, code))
      if (!right) throw authErrors.wrong_credentials()
      attempts.succeed(keys)
      await secondFactor.remove(user.id)
      authenticator.changed()
      return undefined
    },
  }
}

/** A stolen token must not lock its user out with a second factor of the thief's. */
function demandPerson(who: Principal): Principal {
  if (who.via.kind === 'token') throw authErrors.forbidden({ permission: 'session' })
  return who
}

function sessionOf(row: Selectable<Tables['sessions']>, who: Principal): Session {
  return {
    id: row.id,
    current: isCurrent(who, row.hash),
    created: row.created,
    lastUsed: row.last_used,
    expires: row.expires,
    ...(row.address === null ? {} : { address: row.address }),
    ...(row.agent === null ? {} : { agent: row.agent }),
  }
}

function isCurrent({ via }: Principal, hash: string): boolean {
  return via.kind === 'session' && via.hash === hash
}
