import type { Clock } from '@nixen/core'
import { isXapiError, XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import { nullRef } from '../db/ref.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { sameSecret, type Directory, type DirectoryEntry } from './directory.ts'
import { permissionsOf, type Role, type SubjectRole } from './roles.ts'
import { membershipOf, usesDirectory } from './subjects.ts'

/** Someone who may log in. */
export interface User {
  readonly name: string
  readonly password: string
  readonly role: SubjectRole
}

/** Who asked, and was found to be who they say. */
export type Identity =
  | { readonly kind: 'root' }
  | {
      readonly kind: 'subject'
      readonly entry: DirectoryEntry
      readonly subject: Ref<'subject'>
      readonly role: SubjectRole
    }

/** What a session is, beside its row. */
export interface SessionState {
  readonly ref: Ref<'session'>
  readonly user: string
  /** As it is now: roles of subjects may change while they are logged in. */
  role: Role
  readonly originator: string
  /** Who is asked for again at each call, to see whether they still may. */
  readonly entry: DirectoryEntry | undefined
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
  readonly #directory: Directory
  /** Password of `root`. */
  #password: string
  /** Least recently used first. */
  readonly #sessions = new Map<string, SessionState>()
  /** How many there are of each originator and each user, so that only who has too many is looked through. */
  readonly #counts = new Map<string, number>()

  constructor(options: { db: Database; clock: Clock; password: string; directory: Directory; loginDelay: boolean }) {
    this.#db = options.db
    this.#clock = options.clock
    this.#loginDelay = options.loginDelay
    this.#directory = options.directory
    this.#password = options.password
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
    const who = this.identify(name, password)
    if (!isXapiError(who)) return this.open(who, options)
    if (this.#loginDelay) await this.#clock.sleep(wrongPasswordDelay, { signal: options.signal })
    throw who
  }

  /** Who somebody is, or the error that they are answered: `root` by the pool's password, others by the directory if the pool uses one. */
  identify(name: string, password: string): Identity | XapiError {
    if (name === 'root' && sameSecret(this.#password, password)) return { kind: 'root' }
    const entry = usesDirectory(this.#db) ? this.#directory.authenticate(name, password) : undefined
    if (!entry) return refused(name, 'Authentication failure')
    const { sid } = entry
    if (entry.suspended) return refused(name, `User ${name} (subject_id ${sid}) suspended in external directory`)
    const membership = membershipOf(this.#db, entry)
    if (!membership) return refused(name, `Subject ${name} (identifier ${sid}) has no access rights in this pool`)
    const { subject, role } = membership
    if (role) return { kind: 'subject', entry, subject, role }
    const message = `Subject ${name} (identifier ${sid}) has no roles in this pool`
    return new XapiError('RBAC_PERMISSION_DENIED', ['session.login_with_password', message])
  }

  /** Whether this is the password of `root`. */
  isRootPassword(password: string): boolean {
    return sameSecret(this.#password, password)
  }

  setRootPassword(password: string): void {
    this.#password = password
  }

  open(who: Identity, { originator, host }: { originator: string; host: Ref<'host'> }): Ref<'session'> {
    const user = who.kind === 'root' ? 'root' : who.entry.name
    this.#makeRoom(user, originator)
    const now = this.#clock.now()
    const role = who.kind === 'root' ? 'root' : who.role
    const ref = this.#db.insert('session', {
      this_host: host,
      this_user: nullRef,
      last_active: now,
      validation_time: now,
      is_local_superuser: who.kind === 'root',
      auth_user_name: user,
      auth_user_sid: who.kind === 'root' ? '' : who.entry.sid,
      subject: who.kind === 'root' ? nullRef : who.subject,
      rbac_permissions: who.kind === 'root' ? [] : permissionsOf(this.#db.model, role),
      originator,
      pool: false,
    })
    const entry = who.kind === 'root' ? undefined : who.entry
    this.#sessions.set(ref, { ref, user, role, originator, entry, lastUsed: now })
    for (const key of countKeys({ user, originator })) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    return ref
  }

  /** The session; `SESSION_INVALID` when there is none, or when it was idle too long. Marks it as used. */
  check(ref: string): SessionState {
    const session = this.find(ref)
    if (!session) throw fault('SESSION_INVALID', ref)
    return session
  }

  /** The same, or `undefined`. */
  find(ref: string): SessionState | undefined {
    const session = this.#sessions.get(ref)
    const now = this.#clock.now()
    if (session && (now - session.lastUsed > idleLimit || !this.#isStillWelcome(session))) this.close(session.ref)
    else if (session) {
      this.#sessions.delete(ref)
      this.#sessions.set(ref, session)
      session.lastUsed = now
      if (now - this.#db.get('session', session.ref).last_active >= lastActiveStep) {
        this.#db.update(session.ref, { last_active: now })
      }
      return session
    }
    return undefined
  }

  /** Follows changes of the subject's roles. A host looks every few minutes; here it is at once. */
  #isStillWelcome(session: SessionState): boolean {
    if (!session.entry) return true
    const entry = this.#directory.bySid(session.entry.sid)
    const role = entry && !entry.suspended && usesDirectory(this.#db) ? membershipOf(this.#db, entry)?.role : undefined
    if (!role) return false
    if (role !== session.role) {
      session.role = role
      this.#db.update(session.ref, { rbac_permissions: permissionsOf(this.#db.model, role) })
    }
    return true
  }

  has(ref: string): boolean {
    return this.#sessions.has(ref)
  }

  close(ref: Ref<'session'>): void {
    const session = this.#sessions.get(ref)
    if (session && this.#sessions.delete(ref)) {
      for (const key of countKeys(session)) {
        const left = (this.#counts.get(key) ?? 1) - 1
        if (left > 0) this.#counts.set(key, left)
        else this.#counts.delete(key)
      }
    }
    this.#db.remove(ref)
  }

  /** Ends all sessions, as the restart of a host does. */
  closeAll(): void {
    for (const session of this.#sessions.values()) this.close(session.ref)
  }

  /** Closes the sessions unused for longest beyond the limits, so that a client that never logs out harms only itself. */
  #makeRoom(user: string, originator: string): void {
    const limit = originator === '' && user === 'root' ? maxAnonymous : maxPerOriginator
    this.#trim(originatorKey({ originator }), limit)
    if (user !== 'root') this.#trim(userKey({ user }), maxPerUser)
  }

  #trim(key: string, limit: number): void {
    if ((this.#counts.get(key) ?? 0) < limit) return
    const found = [...this.#sessions.values()].filter((session) => countKeys(session).includes(key))
    for (const session of found.slice(0, Math.max(0, found.length - limit + 1))) this.close(session.ref)
  }
}

const originatorKey = ({ originator }: { originator: string }): string => `originator ${originator}`
const userKey = ({ user }: { user: string }): string => `user ${user}`

/** What a session is counted under. */
function countKeys(session: { originator: string; user: string }): string[] {
  return [originatorKey(session), userKey(session)]
}

function refused(name: string, message: string): XapiError {
  // A host sends both parameters although the data model names none.
  return new XapiError('SESSION_AUTHENTICATION_FAILED', [name, message])
}
