import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser } from 'playwright-core'
import { openPage, settled, signIn, startBrowser, startWorld, type World } from './rig.ts'

// Pictures of the main pages for the README and the guide: npm run screenshots.
const folder = process.env['NIXEN_PICTURES']
let browser: Browser
let world: World
let store: string
beforeAll(async () => {
  if (folder === undefined) return
  await mkdir(folder, { recursive: true })
  store = await mkdtemp(join(tmpdir(), 'nixen-pictures-'))
  ;[browser, world] = await Promise.all([startBrowser(), startWorld({ vms: 60, hosts: 3, seed: 7, waits: false })])
  await world.signUp()
  await mkdir(join(store, 'nas'))
  const { client } = world
  const nas = await client.repository.create({
    name: 'NAS',
    location: join(store, 'nas'),
    password: 'only for pictures',
  })
  const repositories = [nas.id]
  const keep = { daily: 7, weekly: 4, monthly: 6 }
  const nightly = await client.job.create({
    name: 'Nightly',
    work: { kind: 'backup', repositories },
    selection: { q: 'name:web-prod*' },
    schedules: [{ name: 'nightly', cron: '30 2 * * *', keep }],
  })
  await client.job.create({
    name: 'Databases',
    work: { kind: 'backup', repositories },
    selection: { q: 'name:db*' },
    schedules: [{ name: 'hourly', cron: '0 */4 * * *', keep: { last: 24 } }],
  })
  await client.job.run({ id: nightly.id })
})
afterAll(async () => {
  if (folder === undefined) return
  await browser.close()
  await world[Symbol.asyncDispose]()
  await rm(store, { recursive: true, force: true })
})

test.runIf(folder !== undefined)(
  'the main pages have their picture taken',
  async () => {
    const state = async () => (await world.client.run.list({ limit: 1 })).items[0]?.state
    await expect.poll(state, { timeout: 200_000 }).not.toBe('running')
    const vm = (await world.client.vm.list({ q: 'name:web-prod* power:running', limit: 1 })).items[0]?.id
    const shots = [
      ['overview', '', false],
      ['vms-dark', 'vms?q=power:running', true],
      ['vm', `vms/${vm}`, false],
      ['vm-charts', `vms/${vm}/charts`, true],
      ['console', `vms/${vm}/console`, false],
      ['job', 'jobs/new?q=name:web*', false],
      ['calendar', 'calendar', false],
    ] as const
    for (const dark of [false, true]) {
      await using tab = await openPage(browser, { dark, width: 1200 })
      const { page } = tab
      await page.setViewportSize({ width: 1200, height: 750 })
      await signIn(page, world)
      for (const [name, path] of shots.filter((shot) => shot[2] === dark)) {
        await page.goto(world.server.url + path)
        await settled(page)
        if (name === 'console')
          await page
            .getByRole('button', { name: 'Save a picture' })
            .and(page.locator(':not([aria-disabled])'))
            .waitFor()
        if (name === 'vm-charts') await page.getByRole('figure').first().waitFor()
        await page.screenshot({ path: `${folder}/${name}.png` })
      }
    }
  },
  600_000,
)
