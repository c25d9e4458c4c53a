import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPage, signIn, startBrowser, startWorld, violations, type World } from './rig.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([startBrowser(), startWorld({ vms: 60, hosts: 2 })])
  await world.signUp()
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
})

test('the infrastructure is walked by keyboard alone, by host and by tag, and stays open on the next page', async () => {
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world)
  await page.getByRole('button', { name: 'Show the infrastructure' }).click()
  const tree = page.getByRole('tree', { name: 'Infrastructure' })
  await tree.getByRole('treeitem').first().waitFor()
  const active = async () => page.locator(`#${await tree.getAttribute('aria-activedescendant')}`)
  await tree.focus()
  // The pool is open already; its first host is opened, and its first VM visited.
  await page.keyboard.press('Home')
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowRight')
  expect(await (await active()).getAttribute('aria-expanded')).toBe('true')
  await page.keyboard.press('ArrowRight')
  const vm = await active()
  expect(await vm.getAttribute('aria-level')).toBe('3')
  const name = (await vm.textContent()) ?? ''
  expect(await violations(page)).toEqual([])
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name }).waitFor()
  expect(await tree.getByRole('treeitem', { name }).count()).toBe(1)

  await page.getByLabel('Grouped by').selectOption('tag')
  await tree.getByRole('treeitem', { name: /^prod/ }).waitFor()
  await page.reload()
  await tree.getByRole('treeitem', { name: /^prod/ }).waitFor()
  await page.getByRole('button', { name: 'Hide the infrastructure' }).click()
  expect(await tree.count()).toBe(0)
  expect(problems).toEqual([])
})
