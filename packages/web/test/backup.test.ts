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

test('a job is made in plain words, with the VMs that it finds, changed and removed', async () => {
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world, 'jobs')
  await page.getByRole('link', { name: 'New job' }).click()
  await page.getByLabel('Name', { exact: true }).fill('Every evening')
  await page.getByRole('combobox', { name: 'Filter' }).fill('name:web*')
  await page.keyboard.press('Enter')
  await page.getByLabel('At', { exact: true }).fill('21:15')
  const short = page.getByRole('region', { name: 'In short' })
  const webs = (await world.client.vm.list({ q: 'name:web*' })).total
  await expect
    .poll(async () => await short.textContent())
    .toContain(`Backs up the VMs that “name:web*” finds (${webs} now) to NAS every day at 21:15.`)
  await expect.poll(async () => await short.getByRole('listitem').count()).toBe(5)
  expect(await violations(page)).toEqual([])
  await page.getByRole('button', { name: 'Make the job' }).click()
  await page.getByRole('heading', { name: 'Every evening' }).waitFor()
  const job = async () => (await world.client.job.list()).items.find(({ name }) => name === 'Every evening')
  expect((await job())?.schedules[0]).toMatchObject({ cron: '15 21 * * *', keep: { daily: 7, weekly: 4, monthly: 6 } })

  await page.getByRole('link', { name: 'Every evening' }).click()
  await page.getByLabel('Repeats').selectOption('weekly')
  await page.getByLabel('Sunday').check()
  // Who goes away is asked, and may stay.
  page.once('dialog', (dialog) => void dialog.dismiss())
  await page.getByRole('link', { name: 'VMs' }).click()
  await page.getByRole('heading', { name: 'Job Every evening' }).waitFor()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('on Sunday and Saturday at 21:15').waitFor()
  expect((await job())?.schedules[0]?.cron).toBe('15 21 * * 0,6')

  await page.getByRole('button', { name: 'More actions: Every evening' }).click()
  await page.getByRole('menuitem', { name: 'Remove …' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect.poll(async () => await page.getByRole('heading', { name: 'Every evening' }).count()).toBe(0)
  expect(problems).toEqual([])
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
  await page.getByText('Show the log').click()
  await expect
    .poll(async () => await page.getByRole('list', { name: 'Log' }).getByRole('listitem').count())
    .toBeGreaterThan(0)
  await look('run')

  await page.getByRole('link', { name: 'Restore points' }).click()
  await page.getByRole('combobox', { name: 'Filter' }).fill('web time:<1d')
  await page.keyboard.press('Enter')
  await page.getByRole('grid', { name: 'Restore points' }).getByText('web-prod-001').waitFor()
  await page.getByText('not verified').first().waitFor()
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
