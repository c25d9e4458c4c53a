import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createClient, type Client } from '@nixen/api'
import { systemClock } from '@nixen/core'
import { startServer, type Server, type ServerOptions } from '../src/index.ts'

/** The administrator that {@link signUp} makes. */
export const admin = { name: 'ada', password: 'correct horse battery' }

/** A state directory for one test. */
export async function temporaryState(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'nixen-server-'))
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }) }
}

/** A server on a free port of loopback, plain HTTP unless told otherwise. */
export async function testServer(stateDir: string, options: Partial<ServerOptions> = {}): Promise<Server> {
  const { flags, ...more } = options
  return await startServer({
    stateDir,
    version: '0.0.0-test',
    flags: { 'server.listen': '127.0.0.1', 'server.port': 0, 'tls.mode': 'off', 'log.level': 'silent', ...flags },
    ...more,
  })
}

/** A server in a process of its own, for tests that kill it. */
export async function spawnServer(
  stateDir: string,
): Promise<{ url: string; setUpUrl: string | undefined; child: ChildProcess }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'server-child.ts'), stateDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { url, setUpUrl } = JSON.parse(line) as { url: string; setUpUrl?: string }
  return { url, setUpUrl, child }
}

/** A browser: keeps the cookie and sends the CSRF token. */
export interface Browser {
  readonly client: Client
  readonly fetch: typeof fetch
  cookie: string | undefined
  csrf: string | undefined
}

export function browser(url: string): Browser {
  const state: { cookie: string | undefined; csrf: string | undefined } = { cookie: undefined, csrf: undefined }
  const send: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers)
    if (state.cookie !== undefined) headers.set('cookie', state.cookie)
    if (state.csrf !== undefined) headers.set('x-csrf-token', state.csrf)
    const response = await fetch(input, { ...init, headers })
    const [cookie] = response.headers.getSetCookie()
    if (cookie !== undefined) state.cookie = cookie.split(';')[0]
    return response
  }
  return Object.assign(state, { client: createClient({ baseUrl: url, fetch: send }), fetch: send })
}

/** Opens the set-up link and makes the administrator. */
export async function signUp(server: Server): Promise<Browser> {
  const tab = browser(server.url)
  const token = server.setUpUrl?.split('#')[1] ?? ''
  const me = await tab.client.session.setUp({ token, ...admin })
  tab.csrf = me.csrf
  return tab
}

/** Logs in. */
export async function logIn(server: Server, who: { name: string; password: string; code?: string }): Promise<Browser> {
  const tab = browser(server.url)
  const me = await tab.client.session.logIn(who)
  tab.csrf = me.csrf
  return tab
}

/** Waits until `condition` gives something, at most 10 s. */
export async function eventually<T>(condition: () => Promise<T | undefined>, within = 10_000): Promise<T> {
  const end = Date.now() + within
  for (;;) {
    const found = await condition()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`It did not happen within ${within / 1000} s`)
    await systemClock.sleep(20)
  }
}
