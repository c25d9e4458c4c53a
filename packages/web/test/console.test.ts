import type { Vm } from '@nixen/api'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isLong, openPage, signIn, startBrowser, startWorld, violations, type World } from './rig.ts'

const folder = process.env['NIXEN_SCREENSHOTS']
let browser: Browser
let world: World
let vms: Vm[]
beforeAll(async () => {
  ;[browser, world] = await Promise.all([startBrowser(), startWorld({ vms: 12, waits: false })])
  await world.signUp()
  vms = (await world.client.vm.list({ q: 'power:running' })).items
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
})

/** How many pixels of the screen are lit: letters are white on black. */
async function lit(page: Page): Promise<number> {
  return Number(
    await page.evaluate(`(() => {
      const canvas = document.querySelector('canvas')
      if (!canvas || canvas.width === 0) return 0
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      let count = 0
      for (let at = 0; at < data.length; at += 4) if (data[at] > 128) count++
      return count
    })()`),
  )
}

test('the screen of a VM is seen and typed on, by keys, combinations and whole texts', async () => {
  const vm = vms[0]!
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world, `vms/${vm.id}`)
  await page.getByRole('link', { name: 'Console' }).click()
  await page.getByRole('heading', { name: `Console of ${vm.name}` }).waitFor()
  await expect.poll(async () => await lit(page)).toBeGreaterThan(500)
  expect(await violations(page)).toEqual([])
  if (folder !== undefined) await page.screenshot({ path: `${folder}/console.png` })

  const before = await lit(page)
  // The screen has the focus as soon as it is there.
  await page.keyboard.type('WWWWWWWW')
  await expect.poll(async () => await lit(page)).toBeGreaterThan(before + 100)

  const typed = await lit(page)
  await page.getByRole('button', { name: 'Type a text …' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Text').fill('MMMMMMMMMM漢MMMMMMMMMM')
  await dialog.getByText('This keyboard has no key for: 漢').waitFor()
  expect(await violations(page)).toEqual([])
  await dialog.getByLabel('Keys in a second').selectOption('100')
  await dialog.getByRole('button', { name: 'Type it' }).click()
  await dialog.waitFor({ state: 'detached' })
  await expect.poll(async () => await lit(page)).toBeGreaterThan(typed + 200)

  const [saved] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save a picture' }).click(),
  ])
  expect(saved.suggestedFilename()).toBe(`${vm.name}.png`)
  await page.getByRole('button', { name: 'Send keys' }).click()
  await page.getByRole('menuitem', { name: 'Ctrl + Alt + F2' }).click()
  await page.getByRole('button', { name: 'One to one' }).click()
  await page.getByRole('button', { name: 'Fit' }).waitFor()

  const [popUp] = await Promise.all([
    page.waitForEvent('popup'),
    page.getByRole('button', { name: 'In a window of its own' }).click(),
  ])
  await popUp.getByRole('heading', { name: `Console of ${vm.name}` }).waitFor()
  await expect.poll(async () => await lit(popUp), { timeout: 20_000 }).toBeGreaterThan(500)
  expect(await popUp.getByRole('navigation', { name: 'Areas' }).count()).toBe(0)
  expect(problems).toEqual([])
})

test.runIf(isLong)('a console whose VM stops says so, and opens again by itself when it starts', async () => {
  const vm = vms[1]!
  await using tab = await openPage(browser)
  const { page } = tab
  await signIn(page, world, `vms/${vm.id}/console`)
  await expect.poll(async () => await lit(page)).toBeGreaterThan(500)
  await world.client.vm.hardShutdown({ id: vm.id })
  await page.getByText('It does not run: there is nothing to see.').waitFor()
  await world.client.vm.start({ id: vm.id })
  await expect.poll(async () => await lit(page), { timeout: 30_000 }).toBeGreaterThan(500)
})

test.runIf(isLong)('what a pool has no console for is said in a sentence', async () => {
  const vm = vms[2]!
  await using tab = await openPage(browser)
  const { page } = tab
  await signIn(page, world, `vms/${vm.id}/console`)
  await page.getByRole('button', { name: 'Serial console' }).click()
  const toolbar = page.getByRole('toolbar', { name: 'Serial console' })
  await toolbar.waitFor()
  expect(await violations(page)).toEqual([])
  if (folder !== undefined) await page.screenshot({ path: `${folder}/serial.png` })
  // Either a terminal is there, or the reason why not.
  const terminal = page.locator('.xterm-screen')
  await expect
    .poll(async () => (await terminal.count()) + (await page.getByText('has no text console').count()), {
      timeout: 20_000,
    })
    .toBeGreaterThan(0)
})
