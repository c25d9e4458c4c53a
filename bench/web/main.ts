import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { chromium, type Browser, type Page } from 'playwright-core'
import { createClient } from '../../packages/api/src/index.ts'
import { startServer, type Server } from '../../packages/server/src/index.ts'
import { figure, median, type Figure } from '../figure.ts'
import type { Order } from '../server/pool.ts'

const quick = process.env['NIXEN_BENCH_QUICK'] === '1'
const vms = quick ? 1000 : 10_000
/** Seconds of updates: a shortened soak. */
const soak = quick ? 5 : 60
/** Updates in a second. */
const rate = 500
const admin = { name: 'bench', password: 'correct horse battery' }

/** The console in headless Chromium, before a server and a pool of 10,000 VMs on the same machine. */
export async function run(): Promise<Figure[]> {
  if (!existsSync(new URL('../../packages/web/dist/index.html', import.meta.url)))
    throw new Error('The console is not built. Run "npm run build:web" first.')
  await using parts = new AsyncDisposableStack()
  const { pool, url, fingerprint } = await startPool(parts)
  const server = await startWorld(parts, { url, fingerprint })
  const browser = parts.adopt(await startBrowser(), async (one) => await one.close())
  const page = await signIn(browser, server)
  const load = await firstLoad(page, server)
  return [
    figure('web', 'JavaScript of the first load, gzip', 'KiB', load.bytes / 1024),
    figure('web', 'VM list interactive', 'ms', load.ms),
    ...(await keystrokes(page)),
    ...(await scrolling(page)),
    ...(await updates(page, pool)),
  ]
}

async function startPool(
  parts: AsyncDisposableStack,
): Promise<{ readonly pool: ChildProcess; readonly url: string; readonly fingerprint: string }> {
  const pool = fork(fileURLToPath(new URL('../server/pool.ts', import.meta.url)), [String(vms)])
  parts.defer(async () => {
    if (pool.exitCode === null) pool.disconnect()
    if (pool.exitCode === null) await once(pool, 'exit')
  })
  // What the child says when it is ready.
  const [ready] = (await once(pool, 'message')) as [{ url: string; fingerprint: string }]
  return { pool, ...ready }
}

async function startWorld(
  parts: AsyncDisposableStack,
  pool: { readonly url: string; readonly fingerprint: string },
): Promise<Server> {
  const state = await mkdtemp(join(tmpdir(), 'nixen-bench-web-'))
  parts.defer(async () => await rm(state, { recursive: true, force: true }))
  const flags = { 'server.listen': '127.0.0.1', 'server.port': 0, 'tls.mode': 'off', 'log.level': 'silent' }
  const server = parts.use(await startServer({ stateDir: state, version: '0.0.0-bench', flags }))
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
  const me = await client.session.setUp({ token: server.setUpUrl?.split('#')[1] ?? '', ...admin })
  kept.csrf = me.csrf ?? ''
  await client.connection.add({
    kind: 'xapi',
    address: pool.url,
    username: 'root',
    password: 'nixen',
    fingerprint: pool.fingerprint,
  })
  while ((await client.vm.list({ limit: 1 })).total < vms) await setTimeout(250)
  return server
}

async function startBrowser(): Promise<Browser> {
  const quiet = ['--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update']
  return await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [...quiet, '--no-sandbox', '--disable-dev-shm-usage', '--enable-precise-memory-info'],
  })
}

async function signIn(browser: Browser, server: Server): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' })
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(server.url)
  await page.locator('input[autocomplete=username]').fill(admin.name)
  await page.locator('input[autocomplete=current-password]').fill(admin.password)
  await page.keyboard.press('Enter')
  await page.locator('#page h1').waitFor()
  await page.close()
  // A tab of its own: nothing of the console is in its memory, only what the browser keeps of files.
  const fresh = await context.newPage()
  fresh.setDefaultTimeout(60_000)
  return fresh
}

/** Until a row of the list takes the focus of the keyboard; and what had to be loaded for it. */
async function firstLoad(page: Page, server: Server): Promise<{ readonly bytes: number; readonly ms: number }> {
  const scripts: Promise<number>[] = []
  page.on('response', (response) => {
    if (response.url().endsWith('.js')) scripts.push(response.body().then((body) => gzipSync(body).length))
  })
  const times: number[] = []
  let bytes = 0
  for (let round = 0; round < 5; round++) {
    scripts.length = 0
    const started = performance.now()
    await page.goto(`${server.url}vms`)
    await page.locator('[role=grid] [role=row]').nth(5).waitFor()
    await page.locator('[role=grid]').focus()
    times.push(performance.now() - started)
    bytes = (await Promise.all(scripts)).reduce((sum, size) => sum + size, 0)
  }
  return { bytes, ms: median(times) }
}

/** From the event of a key to the grid that shows what it finds. */
async function keystrokes(page: Page): Promise<readonly Figure[]> {
  await page.evaluate(`(() => {
    window.took = []
    let since
    const input = document.querySelector('[role=combobox][aria-label]')
    input.addEventListener('input', () => (since = performance.now()), { capture: true })
    const grid = document.querySelector('[role=grid]')
    new MutationObserver(() => {
      if (since !== undefined) window.took.push(performance.now() - since)
      since = undefined
    }).observe(document.querySelector('#page'), { subtree: true, attributes: true, attributeFilter: ['aria-rowcount'] })
  })()`)
  const input = page.locator('#page [role=combobox]').first()
  await input.focus()
  for (const word of ['web', 'prod', 'db-1', 'test', 'power:running', 'cache', 'memory:>2GiB', 'api']) {
    for (const letter of word) {
      await page.keyboard.press(letter)
      await setTimeout(120)
    }
    await input.fill('')
    await setTimeout(200)
  }
  // Filled in by the script above.
  const took = (await page.evaluate<readonly number[]>('window.took')).toSorted((a, b) => a - b)
  return [
    figure('web', 'keystroke to filtered grid, median', 'ms', median(took)),
    figure('web', 'keystroke to filtered grid, p95', 'ms', took[Math.floor(took.length * 0.95)] ?? Number.NaN),
  ]
}

/** Frames while the grid is scrolled by 240 pixels in each. */
async function scrolling(page: Page): Promise<readonly Figure[]> {
  const frames = (await page.evaluate(`new Promise((resolve) => {
    const grid = document.querySelector('[role=grid]')
    const frames = []
    let last
    const step = (now) => {
      if (last !== undefined) frames.push(now - last)
      last = now
      grid.scrollTop += 240
      if (frames.length < 400) requestAnimationFrame(step)
      else resolve(frames)
    }
    requestAnimationFrame(step)
  })`)) as readonly number[]
  const sorted = frames.toSorted((a, b) => a - b)
  return [
    figure('web', 'frame while scrolling, median', 'ms', median(sorted)),
    figure('web', 'frame while scrolling, p99', 'ms', sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN),
  ]
}

/** Keys while hundreds of VMs change each second, and what stays in memory afterwards. */
async function updates(page: Page, pool: ChildProcess): Promise<readonly Figure[]> {
  const session = await page.context().newCDPSession(page)
  const heap = async (): Promise<number> => {
    await session.send('HeapProfiler.collectGarbage')
    const { usedSize } = await session.send('Runtime.getHeapUsage')
    return usedSize
  }
  await page.evaluate(`(() => {
    window.delays = []
    addEventListener('keydown', (event) => window.delays.push(performance.now() - event.timeStamp), { capture: true })
    document.querySelector('[role=grid]').scrollTop = 0
    document.querySelector('[role=grid]').focus()
  })()`)
  const change = (round: number): void => {
    const order: Order = { change: rate / 10, mark: String(round) }
    pool.send(order)
  }
  // What is made once, like caches, is there before it counts.
  for (let round = 0; round < 30; round++) {
    change(round)
    await setTimeout(100)
  }
  const before = await heap()
  const until = performance.now() + soak * 1000
  for (let round = 30; performance.now() < until; round++) {
    change(round)
    if (round % 3 === 0) await page.keyboard.press(round % 2 === 0 ? 'ArrowDown' : 'ArrowUp')
    await setTimeout(100)
  }
  const after = await heap()
  const delays: readonly number[] = await page.evaluate('window.delays')
  return [
    figure('web', `input delay at ${rate} updates/s, most`, 'ms', Math.max(...delays)),
    figure('web', `heap after ${soak} s of updates against before`, '×', after / before),
    figure('web', 'heap with the list open', 'MB', after / 1e6),
  ]
}
