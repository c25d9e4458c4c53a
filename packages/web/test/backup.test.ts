import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPage, signIn, startBrowser, startWorld, violations, type World } from './rig.ts'

const folder = process.env['NIXEN_SCREENSHOTS']
let browser: Browser
let world: World
let store: string
beforeAll(async () => {
  store = await mkdtemp(join(tmpdir(), 'nixen-web-store-'))
  ;[browser, world] = await Promise.all([startBrowser(), startWorld({ vms: 4, seed: 7, waits: false })])
  await world.signUp()
  const { client } = world
  await mkdir(join(store, 'repository'))
  const repository = await client.repository.create({
    name: 'NAS',
    location: join(store, 'repository'),
    password: 'a password of the repository',
  })
  const selection = { q: 'name:web-prod-001' }
  const work = { kind: 'backup' as const, repositories: [repository.id] }
  await client.job.create({ name: 'Nightly', work, selection, schedules: [{ name: 'nightly', cron: '30 2 * * *' }] })
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
  await rm(store, { recursive: true, force: true })
})

test('a job is run, its restore point found, and the VM restored after a look at the plan', async () => {
  await using tab = await openPage(browser)
  const { page, problems } = tab
  const look = async (name: string): Promise<void> => {
    expect((await violations(page)).map((violation) => `${name}: ${violation}`)).toEqual([])
    if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}-backup.png` })
  }
  await signIn(page, world, 'jobs')
  await page.getByRole('button', { name: 'Run now' }).click()
  const runs = page.getByRole('region', { name: 'Last runs' })
  await expect.poll(async () => await runs.textContent(), { timeout: 60_000 }).toMatch(/succeeded|warned|failed/)
  expect(await runs.textContent()).toContain('1 of 1')
  await look('jobs')
  await runs.getByRole('link', { name: 'Nightly' }).click()
  await page.getByRole('region', { name: 'Each object' }).getByText('web-prod-001').waitFor()
  await look('run')

  await page.getByRole('link', { name: 'Restore points' }).click()
  await page.getByRole('combobox', { name: 'Filter' }).fill('web time:<1d')
  await page.keyboard.press('Enter')
  await page.getByRole('grid', { name: 'Restore points' }).getByText('web-prod-001').waitFor()
  await look('points')
  await page.getByRole('button', { name: /^Restore web-prod-001/ }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('web restored')
  await look('restore')
  await dialog.getByRole('button', { name: 'Show the plan' }).click()
  await dialog.getByText('all of it is written').first().waitFor()
  await look('plan')
  await dialog.getByRole('button', { name: 'Restore', exact: true }).click()
  await dialog.waitFor({ state: 'detached' })
  const restored = async (): Promise<number> => (await world.client.vm.list({ q: 'name:="web restored"' })).total
  await expect.poll(restored, { timeout: 60_000 }).toBe(1)

  await page.getByRole('link', { name: 'Repositories' }).click()
  await page.getByRole('heading', { name: 'NAS' }).waitFor()
  await look('repositories')
  expect(problems).toEqual([])
})
