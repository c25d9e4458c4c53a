import { compileAccess, createClient, type Access, type Me } from '@nixen/api'
import { isAppError, messageOf } from '@nixen/core'
import { basePath } from '../base.ts'
import { value } from '../value.ts'

/** Who looks at the console. `expired` keeps what is on the screen: only a sign-in lies above it. */
export type SessionState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'setup' }
  | { readonly kind: 'out' }
  | { readonly kind: 'in'; readonly me: Me; readonly access: Access }
  | { readonly kind: 'expired'; readonly me: Me; readonly access: Access }

export const session = value<SessionState>({ kind: 'loading' })

/** Names of objects, for scopes of roles; the live inventory puts itself in here. */
export const names: { nameOf: (id: string) => string | undefined } = { nameOf: () => undefined }

const watchedFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init)
  // A refused sign-in is 401 as well, and happens while nobody is in.
  if (response.status === 401) expire()
  return response
}

/** Headers that the server wants beside the cookie. */
export function csrfHeader(): Readonly<Record<string, string>> {
  const state = session.get()
  const csrf = 'me' in state ? state.me.csrf : undefined
  return csrf === undefined ? {} : { 'x-csrf-token': csrf }
}

export const client = createClient({
  baseUrl: new URL(basePath, location.href).href,
  fetch: watchedFetch,
  headers: csrfHeader,
})

/** The session is over: what is on the screen stays, a sign-in comes above it. */
export function expire(): void {
  const state = session.get()
  if (state.kind === 'in') session.set({ ...state, kind: 'expired' })
}

function enter(me: Me): void {
  const context = () => ({ now: Date.now(), nameOf: (id: string) => names.nameOf(id) })
  session.set({ kind: 'in', me, access: compileAccess(me.grants, context) })
}

/** Finds out who is here. */
export async function loadSession(): Promise<void> {
  try {
    enter(await client.session.me())
  } catch (error) {
    if (!isAppError(error) || error.status !== 401)
      return session.set({ kind: 'unreachable', message: messageOf(error) })
    await askWhetherNew()
  }
}

async function askWhetherNew(): Promise<void> {
  try {
    const { setupRequired } = await client.meta.about()
    session.set({ kind: setupRequired ? 'setup' : 'out' })
  } catch (error) {
    session.set({ kind: 'unreachable', message: messageOf(error) })
  }
}

/** Throws what the server answers: `auth.wrong_credentials`, `auth.code_required`, … */
export async function signIn(who: { name: string; password: string; code?: string }): Promise<void> {
  enter(await client.session.logIn(who))
}

/** Makes the first administrator. Throws `auth.setup_token`, `auth.weak_password`, … */
export async function setUp(who: { token: string; name: string; password: string }): Promise<void> {
  enter(await client.session.setUp(who))
}

/** Ends the session here and on the server. */
export async function signOut(): Promise<void> {
  // A session that is over already needs no end.
  await client.session.logOut().catch(() => undefined)
  // Nothing of what this user saw stays in memory.
  location.assign(basePath)
}
