import { createHmac } from 'node:crypto'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { admin, isLong, openPage, signIn, startBrowser, startWorld, violations, type World } from './rig.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([startBrowser(), startWorld({ vms: 8 })])
  await world.signUp()
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
})

const grace = { name: 'grace', password: 'a long password of hers' }

test('a role is copied and narrowed, a user gets it, and sees and may do just that', async () => {
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world, 'settings/roles')
  await page.getByRole('button', { name: 'Copy … Operator' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Web operators')
  await dialog.getByLabel('On', { exact: true }).fill('name:web*')
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('heading', { name: 'Web operators' }).waitFor()

  await page.getByRole('link', { name: 'Users' }).click()
  await page.getByRole('button', { name: 'New user' }).click()
  await dialog.getByLabel('Log-in name').fill(grace.name)
  await dialog.getByLabel('New password').fill('short')
  await dialog.getByLabel('Web operators').check()
  await dialog.getByRole('button', { name: 'Save' }).click()
  // What was refused is said, and what was typed stays.
  await dialog.getByRole('alert').waitFor()
  expect(await dialog.getByLabel('Log-in name').inputValue()).toBe(grace.name)
  await dialog.getByLabel('New password').fill(grace.password)
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('region', { name: 'Users' }).getByText(grace.name).waitFor()

  await using other = await openPage(browser)
  await signIn(other.page, world, 'vms', grace)
  const webs = (await world.client.vm.list({ q: 'name:web*', limit: 1 })).total
  const grid = other.page.getByRole('grid', { name: 'VMs' })
  await expect.poll(async () => await grid.getAttribute('aria-rowcount')).toBe(String(webs + 1))
  await grid.getByRole('row').nth(1).getByRole('link').first().click()
  await other.page.getByRole('button', { name: 'More actions' }).click()
  expect(await other.page.getByRole('menuitem', { name: /^Delete/ }).textContent()).toContain('vm:delete')
  await other.page.goto(`${world.server.url}settings`)
  await other.page.getByRole('heading', { name: 'Account' }).waitFor()
  expect(await other.page.getByRole('link', { name: 'Users' }).count()).toBe(0)
  // A page that is not for this user says so.
  await other.page.goto(`${world.server.url}settings/users`)
  await other.page.getByRole('alert').getByText('user:read').waitFor()
  expect(problems.filter((text) => !text.includes('status of 422'))).toEqual([])
})

test.runIf(isLong)('a token is made and revoked, and a second factor is asked for from then on', async () => {
  await world.client.user.create({ name: 'edsger', password: 'a path that is shortest' })
  const who = { name: 'edsger', password: 'a path that is shortest' }
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world, 'settings/account', who)
  await page.getByRole('button', { name: 'New token …' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('What it is for').fill('a script')
  await dialog.getByRole('button', { name: 'Make the token' }).click()
  await dialog.getByText('It is shown only now.').waitFor()
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  const tokens = page.getByRole('region', { name: 'API tokens' })
  await tokens.getByText('a script').waitFor()
  await tokens.getByRole('button', { name: 'Revoke' }).click()
  await page.getByText('You have no API tokens.').waitFor()

  await page.getByRole('button', { name: 'Set up …' }).click()
  const secret = await dialog.locator('code').textContent()
  await dialog.getByRole('img', { name: 'QR code of the secret' }).waitFor()
  await dialog.getByLabel('Code', { exact: true }).fill(codeOf(secret ?? '', 0))
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Switch on' }).click()
  await dialog.getByRole('button', { name: 'I have kept them' }).click()
  await page.getByText('A code is asked for at each sign-in.').waitFor()

  await using other = await openPage(browser)
  await other.page.goto(world.server.url)
  await other.page.getByLabel('Name').fill(who.name)
  await other.page.getByLabel('Password').fill(who.password)
  await other.page.getByRole('button', { name: 'Sign in' }).click()
  // The code before was used already; the next one is taken, too.
  await other.page.getByLabel('One-time code').fill(codeOf(secret ?? '', 1))
  await other.page.getByRole('button', { name: 'Sign in' }).click()
  await other.page.getByRole('heading', { name: 'Overview' }).waitFor()
  expect(problems).toEqual([])
})

test('the audit log is filtered, looked into and verified', async () => {
  await using tab = await openPage(browser)
  const { page, problems } = tab
  await signIn(page, world, 'settings/audit?q=action:connection.add')
  const grid = page.getByRole('grid', { name: 'Audit log' })
  await expect.poll(async () => await grid.getAttribute('aria-rowcount')).toBe('2')
  await grid.getByText('connection.add').click()
  await page.getByRole('dialog').getByText('SHA-256').waitFor()
  expect(await violations(page)).toEqual([])
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Verify' }).click()
  await page.getByText('The log is whole').waitFor()
  expect(problems).toEqual([])
})

test.runIf(isLong)('a mail server is set up for messages, with the answer to a test message', async () => {
  await using tab = await openPage(browser)
  const { page } = tab
  await signIn(page, world, 'settings/notifications')
  await page.getByRole('button', { name: 'New channel' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name', { exact: true }).fill('Operators')
  await dialog.getByLabel('Mail server').fill('127.0.0.1')
  // Nothing listens there: the answer is an error with its reason.
  await dialog.getByLabel('Port').fill('9')
  await dialog.getByLabel('Sender').fill('Nixen <nixen@example.net>')
  await dialog.getByLabel('Receivers').fill(`${admin.name}@example.net, grace@example.net`)
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('heading', { name: 'Operators' }).waitFor()
  await page.getByRole('button', { name: 'Send a test' }).click()
  await page.getByText('The test message was not taken').waitFor()
})

/** The code of a second factor (RFC 6238), `ahead` steps of 30 seconds from now. */
function codeOf(secret: string, ahead: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = secret
    .replaceAll(/[\s=]/g, '')
    .split('')
    .map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0'))
  const key = Buffer.from((bits.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead))
  const mac = createHmac('sha1', key).update(counter).digest()
  const at = (mac.at(-1) ?? 0) & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}
