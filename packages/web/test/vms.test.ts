import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPage, signIn, startBrowser, startWorld, violations, type World } from './rig.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([startBrowser(), startWorld({ vms: 60 })])
  await world.signUp()
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
})

describe('the list of VMs', () => {
  test('filters as the API does, completes at the caret and marks a mistake where it is', async () => {
    await using tab = await openPage(browser)
    const { page, problems } = tab
    await signIn(page, world, 'vms')
    const filter = page.getByRole('combobox', { name: 'Filter' })
    await filter.pressSequentially('pow')
    await page.getByRole('option', { name: /^power:/ }).waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await expect.poll(async () => await filter.inputValue()).toBe('power:')
    await filter.pressSequentially('running')
    await page.keyboard.press('Escape')
    const { total } = await world.client.vm.list({ q: 'power:running', limit: 1 })
    const grid = page.getByRole('grid', { name: 'VMs' })
    await expect.poll(async () => await grid.getAttribute('aria-rowcount')).toBe(String(total + 1))
    await expect.poll(() => new URL(page.url()).searchParams.get('q')).toBe('power:running')

    await filter.fill('powr:running')
    await page.getByText('There is no field "powr" in a vm.').waitFor()
    // What is on the screen is still the answer to the last query that was right.
    expect(await grid.getAttribute('aria-rowcount')).toBe(String(total + 1))
    await page.getByRole('button', { name: 'Did you mean “power”?' }).click()
    expect(await filter.inputValue()).toBe('power:running')
    expect(problems).toEqual([])
  })

  test('is sorted by its heads, and the address keeps order and query', async () => {
    await using tab = await openPage(browser)
    const { page } = tab
    await signIn(page, world, 'vms?q=power%3Ahalted')
    const grid = page.getByRole('grid', { name: 'VMs' })
    await grid.waitFor()
    await grid.getByRole('button', { name: 'Memory' }).click()
    await grid.getByRole('button', { name: 'Memory' }).click()
    await expect.poll(() => new URL(page.url()).search).toBe('?q=power%3Ahalted&sort=-memory')
    const { items } = await world.client.vm.list({ q: 'power:halted', sort: '-memory', limit: 1 })
    await expect.poll(async () => await grid.getByRole('row').nth(1).textContent()).toContain(items[0]?.name)
    await page.reload()
    await expect.poll(async () => await grid.getByRole('row').nth(1).textContent()).toContain(items[0]?.name)
  })

  test('is used by keyboard alone: down, open, back', async () => {
    await using tab = await openPage(browser)
    const { page } = tab
    await signIn(page, world, 'vms')
    const grid = page.getByRole('grid', { name: 'VMs' })
    await grid.focus()
    await page.keyboard.press('ArrowDown')
    const { items } = await world.client.vm.list({ limit: 2 })
    const active = await grid.getAttribute('aria-activedescendant')
    expect(active).toBe(`row-${items[1]?.id}`)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: items[1]?.name ?? '' }).waitFor()
  })
})

test('many VMs are started at once, after a look at what will be left out', async () => {
  await using tab = await openPage(browser)
  const { page } = tab
  await signIn(page, world, 'vms?q=power%3Ahalted%20or%20power%3Arunning&sort=-power')
  const grid = page.getByRole('grid', { name: 'VMs' })
  await grid.waitFor()
  const halted = (await world.client.vm.list({ q: 'power:halted', limit: 1 })).total
  expect(halted).toBeGreaterThan(0)
  await page.getByRole('checkbox', { name: 'Select all rows' }).check()
  await page.getByRole('toolbar', { name: 'Selected rows' }).getByRole('button', { name: 'Shut down' }).click()
  const dialog = page.getByRole('dialog')
  await dialog
    .getByText(/Left out: /)
    .first()
    .waitFor()
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('toolbar', { name: 'Selected rows' }).getByRole('button', { name: 'Clear' }).click()
  expect(await page.getByRole('toolbar', { name: 'Selected rows' }).count()).toBe(0)
})

test('a VM is started, and its page follows', async () => {
  const { items } = await world.client.vm.list({ q: 'power:halted', limit: 1 })
  const [vm] = items
  if (!vm) throw new Error('No VM is halted')
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world, `vms/${vm.id}`)
  await page.getByRole('heading', { level: 1, name: vm.name }).waitFor()
  const reason = await page.getByRole('button', { name: 'Snapshot …' }).getAttribute('aria-disabled')
  expect(reason).toBeNull()
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.getByRole('button', { name: 'Shut down' }).waitFor()
  expect((await world.client.vm.get({ id: vm.id })).power).toBe('running')

  // Why something is off stands beside it.
  await page.getByRole('button', { name: 'More actions' }).click()
  const item = page.getByRole('menuitem', { name: /^Delete/ })
  expect(await item.getAttribute('aria-disabled')).toBe('true')
  expect(await item.textContent()).toContain('Shut the VM down before it is deleted.')
  expect(problems).toEqual([])
})

test('facets narrow the list as far as they say, and a view brings it back', async () => {
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world, 'vms')
  const grid = page.getByRole('grid', { name: 'VMs' })
  await page.getByRole('button', { name: 'Facets' }).click()
  const facets = page.getByRole('region', { name: 'Facets' })
  const halted = (await world.client.vm.list({ q: 'power:halted', limit: 1 })).total
  await facets.getByRole('checkbox', { name: `halted ${halted}` }).check()
  await expect.poll(async () => await grid.getAttribute('aria-rowcount')).toBe(String(halted + 1))
  expect(await page.getByRole('combobox', { name: 'Filter' }).inputValue()).toBe('power:=halted')
  await page
    .getByRole('checkbox', { name: /^Select (?!all)/ })
    .first()
    .click()
  await page.getByRole('button', { name: `Select all ${halted} that match` }).click()
  await page.getByText(`${halted} selected`).waitFor()
  expect(await violations(page)).toEqual([])

  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('menuitem', { name: 'Save this view …' }).click()
  await page.getByRole('dialog').getByLabel('Name of the view').fill('Sleeping')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.goto(`${world.server.url}vms`)
  await expect.poll(async () => await grid.getAttribute('aria-rowcount')).toBe('61')
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('menuitemcheckbox', { name: 'Sleeping' }).click()
  await expect.poll(async () => await grid.getAttribute('aria-rowcount')).toBe(String(halted + 1))
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('menuitem', { name: 'Delete the view “Sleeping”' }).click()
  await page.getByText('The view Sleeping is deleted.').waitFor()
  expect((await world.client.savedQuery.list()).items).toEqual([])
  expect(problems).toEqual([])
})
