import {
  authErrors,
  compileAccess,
  intersect,
  type Grant,
  type QueryContext,
  type TokenId,
  type UserId,
} from '@nixen/api'
import { isAppError, type Clock } from '@nixen/core'
import type { Db } from '../db/tables.ts'
import { localPrincipal, localUser } from '../local/local-principal.ts'
import { grantsOf, loadUser, readGrants } from './people.ts'
import type { Principal } from './principal.ts'
import { csrfOf, hashSecret, newSecret } from './secrets.ts'

/** How long what was found out about a secret holds, milliseconds: names and ages in scopes are as old as that at most. */
const holds = 60_000
/** `last_used` is written to the minute: a write for each request would cost more than the request. */
const usedStep = 60_000
const remembered = 5000

export interface AuthenticatorOptions {
  readonly db: Db
  readonly clock: Clock
  /** How long sessions live now, milliseconds: unused, and in all. */
  readonly lifetime: () => { readonly idle: number; readonly longest: number }
  /** Told each time that anybody's permissions may have changed. */
  readonly onChanged: () => void
  readonly nameOf: (id: string) => string | undefined
}

interface Found {
  readonly principal: Principal
  readonly epoch: number
  readonly until: number
}

/** Says who is behind a cookie or a token. Answers are remembered until something about people changes. */
export class Authenticator {
  readonly #options: AuthenticatorOptions
  readonly #found = new Map<string, Found>()
  #epoch = 0

  constructor(options: AuthenticatorOptions) {
    this.#options = options
  }

  /** Forgets what is remembered: to be called after each change of users, groups, roles, tokens and sessions. */
  changed(): void {
    this.#epoch++
    this.#found.clear()
    this.#options.onChanged()
  }

  /** Goes up each time that anybody's permissions may have changed. */
  get epoch(): number {
    return this.#epoch
  }

  /** Somebody as they are now; `undefined` when their session or token has ended. */
  async again(principal: Principal): Promise<Principal | undefined> {
    const { user, via } = principal
    if (via.kind === 'local' || via.kind === 'job') return principal
    const { db, clock } = this.#options
    const row =
      via.kind === 'session'
        ? await db.selectFrom('sessions').select('expires').where('hash', '=', via.hash).executeTakeFirst()
        : await db.selectFrom('tokens').select('expires').where('id', '=', via.id).executeTakeFirst()
    if (!row || (row.expires !== null && row.expires <= clock.now())) return undefined
    try {
      return await this.#principal(user.id, row.expires ?? undefined, via)
    } catch (error) {
      if (isAppError(error, 'auth.expired')) return undefined
      throw error
    }
  }

  /** Whoever came in by the local door ({@link localPrincipal}). */
  local(): Principal {
    const { clock, nameOf } = this.#options
    return localPrincipal(() => ({ now: clock.now(), nameOf }))
  }

  /** What a user may do now, for what is done in their name. @throws auth.expired when there is no such user, or it is disabled */
  async as(user: UserId): Promise<Principal> {
    if (user === localUser) return this.local()
    return await this.#principal(user, undefined, { kind: 'job' })
  }

  /** Begins a session; the secret goes into the cookie. */
  async begin(user: UserId, { address, agent }: { address: string; agent: string | undefined }): Promise<string> {
    const secret = newSecret()
    const now = this.#options.clock.now()
    const { idle, longest } = this.#options.lifetime()
    const values = {
      hash: hashSecret(secret),
      id: hashSecret(newSecret()).slice(0, 16),
      user_id: user,
      created: now,
      last_used: now,
      expires: now + Math.min(idle, longest),
      address,
      agent: agent?.slice(0, 300) ?? null,
    }
    await this.#options.db.deleteFrom('sessions').where('expires', '<=', now).execute()
    await this.#options.db.insertInto('sessions').values(values).execute()
    return secret
  }

  /** The user of a session's secret. @throws auth.expired */
  async bySession(secret: string): Promise<Principal> {
    return await this.#remember(`s ${secret}`, async () => {
      const { db, clock } = this.#options
      const { idle, longest } = this.#options.lifetime()
      const hash = hashSecret(secret)
      const row = await db.selectFrom('sessions').selectAll().where('hash', '=', hash).executeTakeFirst()
      const now = clock.now()
      if (!row || row.expires <= now) throw authErrors.expired()
      let { expires } = row
      // A clock that was set back must not keep a session from being used.
      if (Math.abs(now - row.last_used) >= usedStep) {
        expires = Math.min(now + idle, row.created + longest)
        await db.updateTable('sessions').set({ last_used: now, expires }).where('hash', '=', hash).execute()
      }
      return await this.#principal(row.user_id, expires, { kind: 'session', id: row.id, hash, csrf: csrfOf(secret) })
    })
  }

  /** The user of an API token. @throws auth.expired */
  async byToken(secret: string): Promise<Principal> {
    return await this.#remember(`t ${secret}`, async () => {
      const { db, clock } = this.#options
      const row = await db.selectFrom('tokens').selectAll().where('hash', '=', hashSecret(secret)).executeTakeFirst()
      const now = clock.now()
      if (!row || (row.expires !== null && row.expires <= now)) throw authErrors.expired()
      await db.updateTable('tokens').set({ last_used: now }).where('id', '=', row.id).execute()
      const grants = row.grants_json === null ? undefined : readGrants(row.grants_json)
      return await this.#principal(row.user_id, row.expires ?? undefined, {
        kind: 'token',
        id: row.id satisfies TokenId,
        grants,
      })
    })
  }

  async #principal(id: UserId, expires: number | undefined, via: Principal['via']): Promise<Principal> {
    const { db, clock, nameOf } = this.#options
    const user = await loadUser(db, id)
    if (!user || user.disabled) throw authErrors.expired()
    const context = (): QueryContext => ({ now: clock.now(), nameOf })
    const own: readonly Grant[] = await grantsOf(db, user)
    const access = compileAccess(own, context)
    if (via.kind !== 'token' || !via.grants) return { user, grants: own, access, via, expires }
    return { user, grants: via.grants, access: intersect(access, compileAccess(via.grants, context)), via, expires }
  }

  /** The clock may have been set forward while an answer was remembered. */
  #ended({ principal: { expires } }: Found): boolean {
    return expires !== undefined && expires <= this.#options.clock.now()
  }

  async #remember(secret: string, find: () => Promise<Principal>): Promise<Principal> {
    const { clock } = this.#options
    // Kept by its hash: a dump of the memory shows no secret longer than the request lives.
    const key = hashSecret(secret)
    const known = this.#found.get(key)
    if (known && known.epoch === this.#epoch && clock.monotonic() < known.until && !this.#ended(known)) {
      return known.principal
    }
    const epoch = this.#epoch
    const principal = await find()
    if (this.#found.size >= remembered) this.#found.clear()
    const left = principal.expires === undefined ? holds : principal.expires - clock.now()
    this.#found.set(key, { principal, epoch, until: clock.monotonic() + Math.min(holds, left) })
    return principal
  }
}
