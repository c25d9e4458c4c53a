import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { admin, openPage, signIn, startBrowser, startWorld, violations, type World } from './rig.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([startBrowser(), startWorld()])
  await world.signUp()
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
})

test('a connection that is lost is told with the age of the screen, and mends itself', async () => {
  await using tab = await openPage(browser)
  const { page } = tab
  await signIn(page, world, 'vms')
  await page.getByRole('grid', { name: 'VMs' }).waitFor()
  await page.context().setOffline(true)
  // A browser that goes offline keeps streams that are open; the server ends them.
  world.server.app.server.closeAllConnections()
  await page.getByText('The server does not answer.').waitFor()
  await page.getByText(/What you see is .* old/).waitFor()
  expect(await page.getByRole('row').count()).toBeGreaterThan(10)
  expect(await violations(page)).toEqual([])
  await page.context().setOffline(false)
  await expect
    .poll(async () => await page.getByText('The server does not answer.').count(), { timeout: 60_000 })
    .toBe(0)
})

test('a session that ends asks for the password above what is on the screen, which stays', async () => {
  await using tab = await openPage(browser)
  const { page } = tab
  await signIn(page, world, 'connections/new')
  await page.getByLabel('Address').fill('typed.example.net')
  await page.context().clearCookies()
  world.server.app.server.closeAllConnections()
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' })
  await dialog.waitFor()
  expect(await violations(page)).toEqual([])
  await dialog.getByLabel('Password').fill(admin.password)
  await dialog.getByRole('button', { name: 'Sign in' }).click()
  await dialog.waitFor({ state: 'detached' })
  expect(await page.getByLabel('Address').inputValue()).toBe('typed.example.net')
  // The inventory is followed again.
  await page.getByRole('link', { name: 'VMs' }).click()
  const { items } = await world.client.vm.list({ q: 'power:halted', limit: 1 })
  const [vm] = items
  if (!vm) throw new Error('No VM is halted')
  await world.client.vm.update({ id: vm.id, name: 'renamed while away' })
  await page.getByText('renamed while away').waitFor()
})

test('the palette goes to a VM by keyboard alone', async () => {
  await using tab = await openPage(browser)
  const { page } = tab
  await signIn(page, world)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  const { items } = await world.client.vm.list({ limit: 1 })
  const name = items[0]?.name ?? ''
  await page.keyboard.press('Control+k')
  await page.keyboard.type(name)
  await page.getByRole('option', { name }).first().waitFor()
  expect(await violations(page)).toEqual([])
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name }).waitFor()
})

test('single keys lead to lists and their filter, and a list says what they are; letters that are typed stay letters', async () => {
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('v')
  await page.getByRole('grid', { name: 'VMs' }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('g h ?')
  expect(await page.getByRole('combobox', { name: 'Filter' }).inputValue()).toBe('g h ?')
  await page.getByRole('heading', { level: 1, name: 'VMs' }).click()
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'What the keys do' }).waitFor()
  expect(await violations(page)).toEqual([])
  expect(problems).toEqual([])
})
