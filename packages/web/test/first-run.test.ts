import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser } from 'playwright-core'
import { admin, openPage, signIn, startBrowser, startWorld, violations } from './rig.ts'

let browser: Browser
beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(async () => await browser.close())

test('the set-up link leads to an administrator, a pool and its VMs', async () => {
  await using world = await startWorld()
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await page.goto(world.server.setUpUrl ?? '')
  await page.getByRole('heading', { name: 'Welcome to Nixen' }).waitFor()
  expect(await violations(page)).toEqual([])
  await page.getByLabel('Name').fill(admin.name)
  await page.getByLabel('Password', { exact: true }).fill('short')
  await page.getByLabel('Password again').fill('short')
  await page.getByRole('button', { name: 'Make the administrator' }).click()
  await expect.poll(async () => await page.getByRole('alert').textContent()).toContain('too weak')
  await page.getByLabel('Password', { exact: true }).fill(admin.password)
  await page.getByLabel('Password again').fill(admin.password)
  await page.getByRole('button', { name: 'Make the administrator' }).click()

  await page.getByRole('heading', { name: 'Connect a pool' }).waitFor()
  expect(new URL(page.url()).hash).toBe('')
  await page.getByLabel('Address').fill(world.pool.url)
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText(world.pool.fingerprint ?? 'no fingerprint').waitFor()
  expect(await violations(page)).toEqual([])
  await page.getByLabel('This is the fingerprint of my pool').check()
  await page.getByLabel('Password').fill('nixen')
  await page.getByRole('button', { name: 'Connect', exact: true }).click()

  const grid = page.getByRole('grid', { name: 'VMs' })
  await grid.waitFor()
  await expect.poll(async () => await grid.getByRole('row').count()).toBeGreaterThan(10)
  expect((await world.client.meta.about()).setupRequired).toBe(false)
  expect(problems.filter((text) => !text.includes('status of 422'))).toEqual([])
})

test('a sign-in that is wrong is refused with the reason, one that is right opens the page that was asked for', async () => {
  await using world = await startWorld()
  await world.signUp()
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await page.goto(`${world.server.url}vms`)
  await page.getByLabel('Name').fill(admin.name)
  await page.getByLabel('Password').fill('wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect.poll(async () => await page.getByRole('alert').textContent()).toContain('is wrong')
  expect(await violations(page)).toEqual([])
  await signIn(page, world, 'vms')
  await page.getByRole('heading', { name: 'VMs' }).waitFor()
  await page.getByRole('button', { name: `User ${admin.name}` }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in to Nixen' }).waitFor()
  expect(problems).toEqual([])
})
