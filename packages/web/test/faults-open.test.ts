import type { Vm } from '@nixen/api'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isLong, openPage, signIn, startBrowser, startWorld, violations, type World } from './rig.ts'

// What happens on the server while a page is open: nothing that was typed is lost, and a sentence says what to do.

/** The pencil of what people wrote. */
const edit = { name: 'Change name, description and tags' } as const

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([startBrowser(), startWorld({ vms: 12 })])
  await world.signUp()
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
})

async function haltedVm(): Promise<Vm> {
  const { items } = await world.client.vm.list({ q: 'power:halted', limit: 1 })
  const [vm] = items
  if (!vm) throw new Error('No VM is halted')
  return vm
}

/** Opens the page of a VM, and its form of name, description and tags. */
async function openForm(page: Page, vm: Vm) {
  await signIn(page, world, `vms/${vm.id}`)
  await page.getByRole('button', edit).click()
  return page.getByRole('dialog')
}

test('what is typed into a form outlives the object: the form says that it is gone', async () => {
  const vm = await haltedVm()
  await using tab = await openPage(browser)
  const { page } = tab
  const dialog = await openForm(page, vm)
  await dialog.getByLabel('Description').fill('typed before it went')
  await world.client.vm.delete({ id: vm.id })
  await page.getByText(`${vm.name} is no longer there`).waitFor()
  expect(await dialog.getByLabel('Description').inputValue()).toBe('typed before it went')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByRole('alert').waitFor()
  expect(await dialog.getByLabel('Description').inputValue()).toBe('typed before it went')
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  expect(await page.getByRole('button', { name: 'Start', exact: true }).count()).toBe(0)
  await page.getByRole('link', { name: 'Back to the list' }).click()
  await page.getByRole('grid', { name: 'VMs' }).waitFor()
})

test('two people who change one VM: the later one is told, and takes back only what was touched', async () => {
  const vm = await haltedVm()
  await using tab = await openPage(browser)
  const dialog = await openForm(tab.page, vm)
  await dialog.getByLabel('Description').fill('of the first')
  await world.client.vm.update({ id: vm.id, name: 'named by the second' })
  await dialog.getByText('changed by somebody else').waitFor()
  expect(await dialog.getByLabel('Description').inputValue()).toBe('of the first')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  // The inventory follows the host.
  await expect
    .poll(async () => await world.client.vm.get({ id: vm.id }), { timeout: 10_000 })
    .toMatchObject({ name: 'named by the second', description: 'of the first' })
})

test.runIf(isLong)(
  'two people who change one job: the later one is told; one that is removed meanwhile can be made again',
  async () => {
    const work = { kind: 'snapshot' as const }
    const other = await world.client.job.create({ name: 'Before', work })
    const job = await world.client.job.create({ name: 'Shared', work, after: [{ job: other.id }] })
    await using tab = await openPage(browser)
    const { page } = tab
    await signIn(page, world, `jobs/${job.id}`)
    const name = page.getByLabel('Name', { exact: true })
    await name.fill('Mine')
    await world.client.job.update({ id: job.id, name: 'Theirs', work, after: [{ job: other.id }] })
    await page.getByText('Somebody else has changed this job meanwhile.').waitFor()
    expect(await name.inputValue()).toBe('Mine')
    expect(await violations(page)).toEqual([])
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'Mine' }).waitFor()
    // What the form does not show stays.
    expect((await world.client.job.get({ id: job.id })).after).toEqual([{ job: other.id, on: 'success' }])

    await page.getByRole('link', { name: 'Mine' }).click()
    await name.fill('Mine again')
    await world.client.job.remove({ id: job.id })
    await page.getByText('Somebody has removed this job.').waitFor()
    await page.getByRole('button', { name: 'Make the job' }).click()
    await page.getByRole('heading', { name: 'Mine again' }).waitFor()
  },
)

test('a permission that is withdrawn is felt on the page that is open, which says what is missing', async () => {
  const who = { name: 'lise', password: 'a split that set energy free' }
  const roles = (await world.client.role.list()).items
  const only = (name: string) => roles.filter((role) => role.name === name).map(({ id }) => id)
  const { id } = await world.client.user.create({ ...who, roles: only('Administrator') })
  const vm = await haltedVm()
  await using tab = await openPage(browser)
  const { page } = tab
  await signIn(page, world, `vms/${vm.id}`, who)
  const start = page.getByRole('button', { name: 'Start', exact: true })
  await start.waitFor()
  expect(await start.getAttribute('aria-disabled')).toBeNull()
  await page.getByRole('button', edit).click()
  await page.getByRole('dialog').getByLabel('Description').fill('typed while it was allowed')
  await world.client.user.update({ id, roles: only('Read only') })
  await expect.poll(async () => await page.locator('button[aria-disabled=true]').count()).toBeGreaterThan(0)
  expect(await page.getByRole('dialog').getByLabel('Description').inputValue()).toBe('typed while it was allowed')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByRole('dialog').getByRole('alert').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  expect(await start.getAttribute('aria-description')).toContain('vm:start')
})

test.runIf(isLong)(
  'two million letters that are pasted cost nothing that was there, and are answered with a sentence',
  async () => {
    const vm = await haltedVm()
    await using tab = await openPage(browser)
    const { page, problems } = tab
    const dialog = await openForm(page, vm)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.evaluate("navigator.clipboard.writeText('word '.repeat(400_000))")
    await dialog.getByLabel('Description').focus()
    await page.keyboard.press('Control+v')
    await dialog.getByText('At most 10,000 characters').waitFor()
    expect((await dialog.getByLabel('Description').inputValue()).length).toBeGreaterThanOrEqual(2_000_000)
    await dialog.getByRole('button', { name: 'Save' }).click()
    expect(await dialog.count()).toBe(1)
    await dialog.getByLabel('Description').fill('short')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'detached' })

    await page.getByRole('link', { name: 'VMs' }).first().click()
    await page.getByRole('combobox', { name: 'Filter' }).waitFor()
    await page.getByRole('combobox', { name: 'Filter' }).focus()
    await page.keyboard.press('Control+v')
    await page.getByText('A filter has at most 4,000 characters').waitFor()
    await page.getByRole('button', { name: 'Clear the filter' }).first().click()
    await page.getByRole('grid', { name: 'VMs' }).waitFor()
    expect(problems).toEqual([])
  },
)

test.runIf(isLong)('a server that starts again finds the page as it was, still signed in', async () => {
  const vm = await haltedVm()
  await using tab = await openPage(browser)
  const { page } = tab
  const dialog = await openForm(page, vm)
  await dialog.getByLabel('Description').fill('typed before the restart')
  await world.restart(async () => {
    await page.getByText('The server does not answer.').waitFor()
    // Saving now says why it cannot be, and keeps the text.
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.getByRole('alert').waitFor()
  })
  await expect
    .poll(async () => await page.getByText('The server does not answer.').count(), { timeout: 60_000 })
    .toBe(0)
  expect(await dialog.getByLabel('Description').inputValue()).toBe('typed before the restart')
  const description = async () => {
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'detached', timeout: 2000 })
  }
  // The pool is connected again a moment after the server answers.
  await expect.poll(async () => await description().then(() => 'saved', String), { timeout: 60_000 }).toBe('saved')
  expect((await world.client.vm.get({ id: vm.id })).description).toBe('typed before the restart')
  expect(await page.getByLabel('Password').count()).toBe(0)
})
