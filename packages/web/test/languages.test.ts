import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { everyPage } from './every-page.ts'
import { isLong, openPage, settled, signIn, startBrowser, startWorld, type World } from './rig.ts'

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

/** Texts and names on the page that have no mark of the pseudo-locale; what is data, code or a moment is left out. */
const unmarked = `(() => {
  const skipped = 'code, pre, time, kbd, script, style, [translate=no], textarea'
  const found = new Set()
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (!node.parentElement.closest(skipped) && node.parentElement.checkVisibility()) found.add(node.textContent)
  for (const element of document.querySelectorAll('[aria-label], [title], [placeholder], [alt], [aria-description]'))
    if (!element.closest(skipped))
      for (const name of ['aria-label', 'title', 'placeholder', 'alt', 'aria-description'])
        found.add(element.getAttribute(name) ?? '')
  return [...found].filter((text) => /\\p{L}{4}/u.test(text) && !text.includes('⟦'))
})()`

/** All texts of the inventory and of a list of objects: they are as people wrote them. */
function textsIn(data: unknown, into: Set<string> = new Set()): Set<string> {
  if (typeof data === 'string') into.add(data.trim())
  else if (typeof data === 'object' && data !== null) for (const inner of Object.values(data)) textsIn(inner, into)
  return into
}

test.runIf(isLong)(
  'no page has a text that nobody could translate, and none becomes too wide when texts are longer',
  async () => {
    await using tab = await openPage(browser, { locale: 'pseudo', width: 390 })
    const { page, problems } = tab
    await signIn(page, world)
    const { objects } = await world.client.inventory.snapshot()
    const data = textsIn([objects, (await world.client.user.list()).items, (await world.client.role.list()).items])
    const isData = (text: string): boolean =>
      data.has(text) || text.split(/[\n,;]|\.\s/).every((part) => data.has(part.trim()) || part === '')
    const found: string[] = []
    for (const { name, path } of everyPage) {
      await page.goto(world.server.url + (await path(world)))
      await settled(page)
      // The list in the browser comes from the script above.
      const texts = (await page.evaluate(unmarked)) as readonly string[]
      found.push(...texts.filter((text) => !isData(text.trim())).map((text) => `${name}: ${text}`))
      if ((await page.evaluate('document.documentElement.scrollWidth > innerWidth')) === true)
        found.push(`${name}: it is wider than the window`)
    }
    expect(found).toEqual([])
    expect(problems).toEqual([])
  },
  600_000,
)

test('the console speaks the language of the browser, or the one that somebody chooses', async () => {
  await using tab = await openPage(browser, { locale: 'de-DE' })
  const { page, problems } = tab
  await signIn(page, world, 'vms')
  await page.getByRole('grid', { name: 'VMs' }).waitFor()
  await page.getByRole('link', { name: 'Sicherungsorte' }).waitFor()
  expect(await page.locator('html').getAttribute('lang')).toBe('de-DE')
  await page.getByRole('button', { name: 'Benutzer ada' }).click()
  await page.getByRole('menuitemcheckbox', { name: 'Français' }).click()
  await page.getByRole('link', { name: 'Dépôts' }).waitFor()
  expect(await page.locator('html').getAttribute('lang')).toBe('fr')
  expect(problems).toEqual([])
})
