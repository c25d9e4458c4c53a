import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isLong, openPage, signIn, startBrowser, startWorld, violations, type World } from './rig.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([startBrowser(), startWorld({ vms: 14, waits: false, seed: 5 })])
  await world.signUp()
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
})

/** A VM in a state; each test takes another one. */
async function aVm(q: string, at: number) {
  const { items } = await world.client.vm.list({ q })
  const vm = items[at]
  if (!vm) throw new Error(`Fewer than ${at + 1} VMs: ${q}`)
  return vm
}

test('a VM gets another name, tags and memory, and a disk and a NIC more', async () => {
  const vm = await aVm('power:halted', 0)
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world, `vms/${vm.id}`)
  await page.getByRole('button', { name: 'Change name, description and tags' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Überraschung 🚀 שלום')
  await dialog.getByLabel('Tags').fill('lab, new')
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('heading', { level: 1, name: 'Überraschung 🚀 שלום' }).waitFor()
  await page.getByRole('button', { name: 'Change vCPUs and memory' }).click()
  await dialog.getByLabel('Memory in GiB').fill('3')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  await expect.poll(async () => (await world.client.vm.get({ id: vm.id })).memory).toBe(3 * 1024 ** 3)

  await page.getByRole('button', { name: 'Add a disk …' }).click()
  await dialog.getByLabel('Name of the disk').fill('more room')
  await dialog.getByLabel('Size in GiB').fill('7')
  await dialog.getByLabel('Storage').selectOption({ index: 1 })
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Attach' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('region', { name: 'Disks and drives' }).getByText('more room').waitFor()
  await page.getByRole('button', { name: /^Actions: .* more room$/ }).click()
  await page.getByRole('menuitem', { name: 'Detach …' }).click()
  await dialog.getByRole('button', { name: 'Detach' }).click()
  await expect
    .poll(async () => await page.getByRole('region', { name: 'Disks and drives' }).getByText('more room').count())
    .toBe(0)

  await page.getByRole('button', { name: 'Add a NIC …' }).click()
  await dialog.getByLabel('Network').selectOption({ index: 1 })
  await dialog.getByRole('button', { name: 'Add' }).click()
  await dialog.waitFor({ state: 'detached' })
  await expect.poll(async () => (await world.client.vm.get({ id: vm.id })).nics.length).toBe(vm.nics.length + 1)
  expect(problems).toEqual([])
})

test.runIf(isLong)('snapshots hang on a tree: one is taken, gone back to, made a VM of, and deleted', async () => {
  const vm = await aVm('power:running snapshots:0', 0)
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world, `vms/${vm.id}/snapshots`)
  await page.getByRole('button', { name: 'Take a snapshot …' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('before update')
  await dialog.getByRole('button', { name: 'Snapshot' }).click()
  const tree = page.getByRole('list', { name: 'Snapshots as a tree' })
  await tree.getByText('before update').waitFor()
  expect(await violations(page)).toEqual([])
  const choose = async (entry: string): Promise<void> => {
    await page.getByRole('button', { name: 'Actions: before update' }).click()
    await page.getByRole('menuitem', { name: entry }).click()
  }
  await choose('Make a VM of it …')
  await dialog.getByLabel('Name of the new VM').fill('from before')
  await dialog.getByRole('button', { name: 'Create' }).click()
  await expect.poll(async () => (await world.client.vm.list({ q: 'name:="from before"' })).total).toBe(1)
  await choose('Go back …')
  await dialog.getByText('The disks become again').waitFor()
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Go back to before update' }).click()
  await dialog.waitFor({ state: 'detached' })
  await expect.poll(async () => (await world.client.vm.get({ id: vm.id })).snapshots).toBe(2)
  await choose('Delete …')
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await expect.poll(async () => (await world.client.vm.get({ id: vm.id })).snapshots).toBe(1)
  expect(problems).toEqual([])
})

test.runIf(isLong)(
  'a running VM has charts, is looked at over other times, and moves to another host that can take it',
  async () => {
    const vm = await aVm('power:running', 1)
    await using tab = await openPage(browser)
    const { page, problems } = tab
    await signIn(page, world, `vms/${vm.id}/charts`)
    await page.getByRole('figure', { name: /^CPU\. / }).waitFor()
    await page.getByRole('figure', { name: /^Network\. .*received: / }).waitFor()
    expect(await page.locator('canvas').count()).toBeGreaterThan(2)
    expect(await violations(page)).toEqual([])
    await page.getByRole('button', { name: 'last week' }).click()
    await page.getByRole('figure', { name: /^Memory\. / }).waitFor()
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: 'Migrate …' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('To host').selectOption({ index: 1 })
    expect(await violations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Migrate' }).click()
    await expect
      .poll(async () => (await world.client.vm.get({ id: vm.id })).host, { timeout: 20_000 })
      .not.toBe(vm.host)
    expect(problems).toEqual([])
  },
)

test.runIf(isLong)('a VM is deleted after a look at what goes with it, and exported as a file', async () => {
  const vm = await aVm('power:halted', 1)
  await using tab = await openPage(browser)
  const { page } = tab
  await signIn(page, world, `vms/${vm.id}`)
  await page.getByRole('button', { name: 'More actions' }).click()
  await page.getByRole('menuitem', { name: 'Export …' }).click()
  const dialog = page.getByRole('dialog')
  const [saved] = await Promise.all([
    page.waitForEvent('download'),
    dialog.getByRole('button', { name: 'Export' }).click(),
  ])
  expect(saved.suggestedFilename()).toMatch(/\.xva/)
  await saved.cancel()
  await page.getByRole('button', { name: 'More actions' }).click()
  await page.getByRole('menuitem', { name: 'Delete …' }).click()
  await dialog.getByText('This cannot be undone.').waitFor()
  expect(await violations(page)).toEqual([])
  await dialog.getByLabel(`Type “${vm.name}” to confirm`).fill(vm.name)
  await expect
    .poll(async () => {
      // While it is exported it stays.
      const { busy } = await world.client.vm.get({ id: vm.id })
      return busy ?? []
    })
    .toEqual([])
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await expect
    .poll(async () => (await world.client.vm.list({ q: `name:="${vm.name}"` })).total, { timeout: 20_000 })
    .toBe(0)
})
