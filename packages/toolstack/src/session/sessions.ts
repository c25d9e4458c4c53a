import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '@nixen/core'
import { XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import { nullRef } from '../db/ref.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import type { Role } from './roles.ts'

/** Someone who may log in. */
export interface User {
  readonly name: string
  readonly password: string
  readonly role: Role
}

/** What a session is, beside its row. */
export interface SessionState {
  readonly ref: Ref<'session'>
  readonly user: string
  readonly role: Role
  readonly originator: string
  lastUsed: number
}

const maxPerOriginator = 500
const maxPerUser = 500
const maxAnonymous = 400
const idleLimit = 24 * 3_600_000
/** The row's `last_active` is written this often at the most. */
const lastActiveStep = 600_000
const wrongPasswordDelay = 5000

/** Who is logged in. Sessions do not survive a restart. */
export class Sessions {
  readonly #db: Database
  readonly #clock: Clock
  readonly #loginDelay: boolean
  readonly #users: Map<string, User>
  /** Least recently used first. */
  readonly #sessions = new Map<string, SessionState>()

  constructor(options: { db: Database; clock: Clock; users: readonly User[]; loginDelay: boolean }) {
    this.#db = options.db
    this.#clock = options.clock
    this.#loginDelay = options.loginDelay
    this.#users = new Map(options.users.map((user) => [user.name, user]))
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Checks the password and opens a session; a wrong one is answered late, so that guessing is slow. */
  async login(
    name: string,
    password: string,
    options: { originator: string; host: Ref<'host'>; signal: AbortSignal },
  ): Promise<Ref<'session'>> {
    const user = this.authenticate(name, password)
    if (user) return this.open(user, options)
    if (this.#loginDelay) await this.#clock.sleep(wrongPasswordDelay, { signal: options.signal })
    // A host sends both parameters although the data model names none.
    throw new XapiError('SESSION_AUTHENTICATION_FAILED', [name, 'Authentication failure'])
  }

  /** The user, if the password is theirs. */
  authenticate(name: string, password: string): User | undefined {
    const user = this.#users.get(name)
    return user && sameSecret(user.password, password) ? user : undefined
  }

  setPassword(name: string, password: string): void {
    const user = this.#users.get(name)
    if (user) this.#users.set(name, { ...user, password })
  }

  open(user: User, { originator, host }: { originator: string; host: Ref<'host'> }): Ref<'session'> {
    this.#makeRoom(user, originator)
    const now = this.#clock.now()
    const ref = this.#db.insert('session', {
      this_host: host,
      this_user: nullRef,
      last_active: now,
      validation_time: now,
      is_local_superuser: user.role === 'root',
      auth_user_name: user.name,
      auth_user_sid: user.role === 'root' ? '' : `u:${user.name}`,
      rbac_permissions: [],
      originator,
      pool: false,
    })
    this.#sessions.set(ref, { ref, user: user.name, role: user.role, originator, lastUsed: now })
    return ref
  }

  /** The session; `SESSION_INVALID` when there is none, or when it was idle too long. Marks it as used. */
  check(ref: string): SessionState {
    const session = this.#sessions.get(ref)
    const now = this.#clock.now()
    if (session && now - session.lastUsed > idleLimit) this.close(session.ref)
    else if (session) {
      this.#sessions.delete(ref)
      this.#sessions.set(ref, session)
      session.lastUsed = now
      if (now - this.#db.get('session', session.ref).last_active >= lastActiveStep) {
        this.#db.update(session.ref, { last_active: now })
      }
      return session
    }
    throw fault('SESSION_INVALID', ref)
  }

  has(ref: string): boolean {
    return this.#sessions.has(ref)
  }

  close(ref: Ref<'session'>): void {
    this.#sessions.delete(ref)
    this.#db.remove(ref)
  }

  /** Ends all sessions, as the restart of a host does. */
  closeAll(): void {
    for (const session of this.#sessions.values()) this.close(session.ref)
  }

  closeUser(name: string): void {
    for (const session of this.#sessions.values()) if (session.user === name) this.close(session.ref)
  }

  /** Closes the sessions unused for longest beyond the limits, so that a client that never logs out harms only itself. */
  #makeRoom(user: User, originator: string): void {
    const limit = originator === '' && user.role === 'root' ? maxAnonymous : maxPerOriginator
    const sameKind = (session: SessionState): boolean => session.originator === originator
    this.#trim(sameKind, limit)
    if (user.role !== 'root') this.#trim((session) => session.user === user.name, maxPerUser)
  }

  #trim(belongs: (session: SessionState) => boolean, limit: number): void {
    const found = [...this.#sessions.values()].filter(belongs)
    for (const session of found.slice(0, Math.max(0, found.length - limit + 1))) this.close(session.ref)
  }
}

function sameSecret(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}
