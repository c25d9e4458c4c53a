import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isLong, openPage, signIn, startBrowser, startWorld, violations, type World } from './rig.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([startBrowser(), startWorld({ vms: 8, waits: false, seed: 3 })])
  await world.signUp()
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
})

test('a VM is made of a template, with what it comes to and where it fits; what is typed is not lost by a slip', async () => {
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world, 'vms')
  await page.getByRole('link', { name: 'New VM' }).click()
  await page.getByRole('combobox', { name: 'Template' }).selectOption({ index: 1 })
  await page.getByLabel('Name', { exact: true }).fill('made here')
  await page.getByLabel('How many').fill('2')
  await page.getByLabel('vCPUs').fill('2')
  await page.getByLabel('Memory in GiB').fill('2')
  await page.getByRole('button', { name: 'Another disk' }).click()
  await page.getByLabel('Size in GiB').fill('5')
  await page.getByLabel('Saved configuration').selectOption('own')
  await page.getByLabel('user-data').fill('#cloud-config\nhostname: {name}\n')
  const short = page.getByRole('region', { name: 'In short' })
  await expect.poll(async () => await short.textContent()).toContain('2 VMs with 2 vCPUs, 2 GiB of memory')
  await short
    .getByText(/: .* free/)
    .first()
    .waitFor()
  expect(await violations(page)).toEqual([])

  await page.getByLabel('Memory in GiB').fill('100000')
  await short.getByText('No host has so much memory free now').waitFor()
  await page.getByLabel('Memory in GiB').fill('2')
  page.once('dialog', (dialog) => void dialog.dismiss())
  await page.getByRole('link', { name: 'Hosts' }).click()
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('made here')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('grid', { name: 'VMs' }).waitFor()
  await expect
    .poll(async () => (await world.client.vm.list({ q: 'name:"made here"' })).total, { timeout: 20_000 })
    .toBe(2)
  expect(problems).toEqual([])
})

test.runIf(isLong)(
  'a VM is imported from a file with its progress, and what is no image is refused with the reason',
  async () => {
    await using tab = await openPage(browser)
    const { page } = tab
    await signIn(page, world, 'vms/import')
    await page
      .getByLabel('File (XVA or OVA)')
      .setInputFiles({ name: 'noise.xva', mimeType: 'application/octet-stream', buffer: Buffer.alloc(200_000, 7) })
    await page.getByLabel('Storage').selectOption({ index: 1 })
    await page.getByLabel('Name').fill('from noise')
    expect(await violations(page)).toEqual([])
    await page.getByRole('button', { name: 'Import' }).click()
    await page.getByRole('alert').waitFor()
    // What was typed stays.
    expect(await page.getByLabel('Name').inputValue()).toBe('from noise')
    expect((await world.client.vm.list({ q: 'name:"from noise"' })).total).toBe(0)
  },
)

test.runIf(isLong)('VMs are compared on the same charts', async () => {
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world, 'vms?q=power:running')
  const grid = page.getByRole('grid', { name: 'VMs' })
  await grid.waitFor()
  const boxes = grid.getByRole('checkbox', { name: /^Select (?!all)/ })
  await boxes.nth(0).click()
  await boxes.nth(1).click()
  await page.getByRole('link', { name: 'Compare' }).click()
  await page.getByRole('heading', { name: 'Compare 2 VMs' }).waitFor()
  await page.getByRole('figure', { name: /^CPU\. / }).waitFor()
  expect(await violations(page)).toEqual([])
  expect(problems).toEqual([])
})
