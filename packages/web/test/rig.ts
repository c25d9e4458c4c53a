import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findViolations, type AxeRules } from './axe.ts'
import { createClient, type Client } from '@nixen/api'
import { startServer, type Server } from '@nixen/server'
import { startToolstack, type Toolstack, type ToolstackOptions } from '@nixen/toolstack'
import { chromium, type Browser, type Page } from 'playwright-core'
import { expect, vi } from 'vitest'

/** Whether all specs run (`npm run test:e2e`), or the short ones of `npm test`. */
export const isLong: boolean = process.env['NIXEN_LONG_TESTS'] === '1'

/** The administrator of these tests. */
export const admin = { name: 'ada', password: 'correct horse battery' }

/** A pool, a server on it, and the command of a person who looks at it. */
export interface World extends AsyncDisposable {
  readonly server: Server
  readonly pool: Toolstack
  /** Speaks to the server as the administrator; after {@link World.signUp}. */
  readonly client: Client
  /** Ends the server and starts it again at the same address, with the same state; `away` happens between. */
  restart(away?: () => Promise<void>): Promise<void>
  /** Makes the administrator and connects the pool, without the console. */
  signUp(): Promise<void>
}

/** Starts a simulated pool and a server with the console that is built. */
export async function startWorld(options: ToolstackOptions = {}): Promise<World> {
  await using parts = new AsyncDisposableStack()
  const state = await mkdtemp(join(tmpdir(), 'nixen-web-'))
  parts.defer(async () => await rm(state, { recursive: true, force: true }))
  const pool = parts.use(await startToolstack({ vms: 20, hosts: 2, loginDelay: false, ...options }))
  const start = async (port: number): Promise<Server> => {
    const flags = { 'server.listen': '127.0.0.1', 'server.port': port, 'tls.mode': 'off', 'log.level': 'silent' }
    return await startServer({ stateDir: state, version: '0.0.0-test', flags })
  }
  let server = await start(0)
  parts.defer(async () => await server[Symbol.asyncDispose]())
  const kept = { cookie: '', csrf: '' }
  const send: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers)
    if (kept.cookie !== '') headers.set('cookie', kept.cookie)
    if (kept.csrf !== '') headers.set('x-csrf-token', kept.csrf)
    const response = await fetch(input, { ...init, headers })
    kept.cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? kept.cookie
    return response
  }
  const client = createClient({ baseUrl: server.url, fetch: send })
  const running = parts.move()
  return {
    get server() {
      return server
    },
    pool,
    client,
    async restart(away) {
      const { port } = new URL(server.url)
      await server[Symbol.asyncDispose]()
      await away?.()
      server = await start(Number(port))
    },
    async signUp() {
      const me = await client.session.setUp({ token: server.setUpUrl?.split('#')[1] ?? '', ...admin })
      kept.csrf = me.csrf ?? ''
      const { fingerprint } = pool
      const target = { kind: 'xapi', address: pool.url, username: 'root', password: 'nixen' } as const
      const { id } = await client.connection.add({ ...target, ...(fingerprint === undefined ? {} : { fingerprint }) })
      await vi.waitFor(async () => expect((await client.connection.get({ id })).state).toBe('connected'), {
        timeout: 20_000,
      })
    },
    [Symbol.asyncDispose]: async () => await running.disposeAsync(),
  }
}

/** Debian's Chromium; without background traffic, which a closed network would refuse. */
export async function startBrowser(): Promise<Browser> {
  const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
  return await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [...quiet, '--no-sandbox', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
  })
}

/** What the browser of a person is like. */
export interface PageOptions {
  readonly dark?: boolean
  readonly width?: number
  /** Language of the browser; `pseudo` marks all texts of the console. */
  readonly locale?: 'en-GB' | 'de-DE' | 'fr-FR' | 'pseudo'
}

/** A page in a profile of its own; what its scripts throw fails the test when it is disposed of. */
export async function openPage(
  browser: Browser,
  { dark = false, width = 1440, locale = 'en-GB' }: PageOptions = {},
): Promise<AsyncDisposable & { readonly page: Page; readonly problems: readonly string[] }> {
  const context = await browser.newContext({
    viewport: { width, height: width < 600 ? 844 : 900 },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    ignoreHTTPSErrors: true,
    locale: locale === 'pseudo' ? 'en-GB' : locale,
  })
  if (locale === 'pseudo') await context.addInitScript("localStorage.setItem('nixen.locale', 'pseudo')")
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    // A sign-in that is refused is no fault of the page.
    if (message.type() === 'error' && !message.text().includes('status of 401')) problems.push(message.text())
  })
  return { page, problems, [Symbol.asyncDispose]: async () => await context.close() }
}

/** Signs in by the form, in any language. */
export async function signIn(page: Page, { server }: World, path = '', who = admin): Promise<void> {
  await page.goto(server.url + path)
  await page.locator('input[autocomplete=username]').fill(who.name)
  await page.locator('input[autocomplete=current-password]').fill(who.password)
  await page.keyboard.press('Enter')
  await page.locator('#page h1').first().waitFor()
}

/** Waits for the page at hand to have its title, and for what it asks the server for. */
export async function settled(page: Page): Promise<void> {
  await expect.poll(async () => await page.title()).toMatch(/^(?!.*…).+ · Nixen$/)
  await expect.poll(async () => await page.getByRole('status').filter({ hasText: '…' }).count()).toBe(0)
}

/** What axe finds wrong with the page as it is now (WCAG 2.2 A and AA). */
export async function violations(page: Page, rules: AxeRules = 'all'): Promise<readonly string[]> {
  return await findViolations(page, rules)
}
