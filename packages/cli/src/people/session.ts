import { hostname } from 'node:os'
import { createClient, type Client, type Me } from '@nixen/api'
import { isAppError } from '@nixen/core'
import { canAsk, confirm, Terminal } from '../ask.ts'
import { readSecretFile } from '../api/secrets.ts'
import { unreachable } from '../connect/connect.ts'
import { httpFetch } from '../connect/http-fetch.ts'
import { lookAtCertificate } from '../connect/look.ts'
import { readProfiles, writeProfiles } from '../connect/profiles.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'

/** Flags of the commands that end with a profile. */
export interface AccountFlags {
  readonly username?: string
  readonly passwordFile?: string
  readonly fingerprint?: string
  readonly profile?: string
}

/** A client that keeps the cookie and CSRF token of its session, as a browser does. */
export interface SessionClient {
  readonly client: Client
  /** Fingerprint to pin; `undefined` when a known authority signed the certificate. */
  readonly fingerprint: string | undefined
  /** The session has begun. */
  begun(me: Me): void
}

/** Opens a connection to a server after its certificate was looked at and, if nobody known signed it, accepted by the user. */
export async function openSession(
  context: NixenContext,
  url: URL,
  { fingerprint }: AccountFlags,
): Promise<SessionClient> {
  const pinned = fingerprint === undefined ? await acceptCertificate(context, url) : normalized(fingerprint)
  const send = httpFetch({ fingerprint: pinned })
  let cookie: string | undefined
  let csrf: string | undefined
  const client = createClient({
    baseUrl: url.href,
    clock: context.clock,
    headers: () => ({
      ...(cookie === undefined ? {} : { cookie }),
      ...(csrf === undefined ? {} : { 'x-csrf-token': csrf }),
    }),
    fetch: async (input, init) => {
      const response = await send(input, init)
      const [set] = response.headers.getSetCookie()
      if (set !== undefined) cookie = set.split(';')[0]
      return response
    },
  })
  return { client, fingerprint: pinned, begun: (me) => (csrf = me.csrf) }
}

async function acceptCertificate(context: NixenContext, url: URL): Promise<string | undefined> {
  const found = await lookAtCertificate(context, url).catch((cause: unknown) => {
    throw context.signal.aborted ? cause : unreachable(url.origin, cause)
  })
  if (!found || found.trusted) return undefined
  if (!canAsk()) throw cliErrors.which_certificate({ url: url.origin, fingerprint: found.fingerprint })
  const question = `No known authority signed the certificate of ${url.host}. Its SHA-256 fingerprint is\n  ${found.fingerprint}\nThe server prints it when it starts. Is it the same?`
  if (!(await confirm(context, question))) throw cliErrors.not_confirmed()
  return found.fingerprint
}

/** Fingerprints are compared in upper case with colons, as Node writes them. */
function normalized(fingerprint: string): string {
  const digits = fingerprint.replaceAll(/[^0-9a-f]/gi, '').toUpperCase()
  if (digits.length !== 64) throw cliErrors.bad_fingerprint({ text: fingerprint })
  return (digits.match(/../g) ?? []).join(':')
}

/** Address of a server without what does not belong to it. Error: `cli.bad_url`. */
export function serverUrl(text: string): URL {
  const given = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '') throw cliErrors.bad_url({ text })
  url.hash = ''
  url.search = ''
  return url
}

/** User name and password, from flags or the terminal. */
export async function readAccount(
  { signal }: NixenContext,
  { username, passwordFile }: AccountFlags,
  { isNew }: { readonly isNew: boolean },
): Promise<{ readonly name: string; readonly password: string }> {
  if ((username === undefined || passwordFile === undefined) && !canAsk()) {
    throw username === undefined ? cliErrors.no_username() : cliErrors.no_secret({ flag: '--password-file' })
  }
  const fromFile = passwordFile === undefined ? undefined : await readSecretFile(passwordFile)
  if (username !== undefined && fromFile !== undefined) return { name: username, password: fromFile }
  using terminal = new Terminal(signal)
  const name = username ?? (await terminal.ask('User name: '))
  if (fromFile !== undefined) return { name, password: fromFile }
  const password = await terminal.askHidden(isNew ? 'New password: ' : 'Password: ')
  if (isNew && (await terminal.askHidden('Once more: ')) !== password) throw cliErrors.passwords_differ()
  return { name, password }
}

/** What {@link keepProfile} keeps. */
export interface Entered {
  readonly url: URL
  readonly session: SessionClient
  readonly user: string
  readonly profile: string | undefined
}

/** Makes a token, keeps it as a profile in use, and ends the session. Gives the name of the profile. */
export async function keepProfile(context: NixenContext, { url, session, user, profile }: Entered): Promise<string> {
  const { signal } = context
  const environment = context.process.env ?? {}
  const name = profile ?? url.host
  if (name === 'local') throw cliErrors.local_name()
  const { token, secret } = await session.client.token.create({ name: `nixen on ${hostname()}` }, { signal })
  const file = await readProfiles(environment)
  const old = file.profiles[name]
  const { fingerprint } = session
  const entry = {
    url: url.href,
    user,
    token: secret,
    tokenId: token.id,
    ...(fingerprint === undefined ? {} : { fingerprint }),
  }
  await writeProfiles(environment, { ...file, current: name, profiles: { ...file.profiles, [name]: entry } })
  // The token that this one replaces is of no use to anybody any more. Whose it was may be somebody else.
  if (old && old.url === entry.url && old.user === user) await revoke(session.client, old.tokenId)
  await session.client.session.logOut({}, { signal })
  return name
}

async function revoke(client: Client, id: string): Promise<void> {
  try {
    await client.token.revoke({ id })
  } catch (error) {
    if (!isAppError(error, 'token.not_found')) throw error
  }
}
