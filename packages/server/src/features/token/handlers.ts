import { checkGrants, newOwnId, tokenErrors, type Grant, type Token, type TokenId } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Selectable } from 'kysely'
import type { Authenticator } from '../../auth/authenticator.ts'
import { readGrants } from '../../auth/people.ts'
import type { Principal } from '../../auth/principal.ts'
import { hashSecret, newSecret } from '../../auth/secrets.ts'
import type { Db, Tables } from '../../db/tables.ts'
import type { GroupHandlers } from '../../http/handler.ts'

export interface TokenPorts {
  readonly db: Db
  readonly clock: Clock
  readonly authenticator: Authenticator
}

/** API tokens. */
export function tokenHandlers({ db, clock, authenticator }: TokenPorts): GroupHandlers<'token'> {
  const revoke = async (id: TokenId, owner: Principal | undefined): Promise<undefined> => {
    const result = await db
      .deleteFrom('tokens')
      .where('id', '=', id)
      .$if(owner !== undefined, (query) => query.where('user_id', '=', owner?.user.id ?? ('' as never)))
      .executeTakeFirst()
    if (result.numDeletedRows === 0n) throw tokenErrors.not_found({ id })
    authenticator.changed()
    return undefined
  }
  return {
    mine: async ({ who }) => ({ items: (await loadTokens(db)).filter(({ user }) => user === who.user.id) }),
    listAll: async () => ({ items: await loadTokens(db) }),
    async create({ input: { name, grants, expires }, who, info }) {
      if (expires !== undefined && expires <= clock.now()) throw tokenErrors.expires_in_past()
      if (grants) checkGrants(grants)
      const kept = narrowed(who, grants)
      const id: TokenId = newOwnId<'token'>()
      const secret = newSecret('nixen_')
      const values = { id, hash: hashSecret(secret), user_id: who.user.id, name, created: clock.now(), last_used: null }
      await db
        .insertInto('tokens')
        .values({ ...values, expires: expires ?? null, grants_json: kept ? JSON.stringify(kept) : null })
        .execute()
      info.note({ on: id, onName: name })
      const token = (await loadTokens(db)).find((candidate) => candidate.id === id)
      if (!token) throw tokenErrors.not_found({ id })
      return { token, secret }
    },
    revoke: async ({ params: { id }, who }) => await revoke(id, who),
    revokeAny: async ({ params: { id } }) => await revoke(id, undefined),
  }
}

/** A token made with a token can do no more: without grants of its own it gets those; others only when they are the same. */
function narrowed({ via }: Principal, grants: readonly Grant[] | undefined): readonly Grant[] | undefined {
  if (via.kind !== 'token' || !via.grants) return grants
  const own = new Set(via.grants.map((grant) => JSON.stringify(grant)))
  return grants?.every((grant) => own.has(JSON.stringify(grant))) ? grants : via.grants
}

async function loadTokens(db: Db): Promise<Token[]> {
  const rows = await db.selectFrom('tokens').selectAll().orderBy('created', 'desc').execute()
  return rows.map((row) => tokenOf(row))
}

function tokenOf(row: Selectable<Tables['tokens']>): Token {
  return {
    id: row.id,
    user: row.user_id,
    name: row.name,
    ...(row.grants_json === null ? {} : { grants: readGrants(row.grants_json) }),
    created: row.created,
    ...(row.expires === null ? {} : { expires: row.expires }),
    ...(row.last_used === null ? {} : { lastUsed: row.last_used }),
  }
}
