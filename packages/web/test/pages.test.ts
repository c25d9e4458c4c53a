import { mkdirSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { everyPage, mainPages } from './every-page.ts'
import { isLong, openPage, settled, signIn, startBrowser, startWorld, violations, type World } from './rig.ts'

/** NIXEN_SCREENSHOTS=FOLDER keeps a picture of each page. */
const folder = process.env['NIXEN_SCREENSHOTS']
let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([startBrowser(), startWorld({ vms: 40 })])
  await world.signUp()
  if (folder !== undefined) mkdirSync(folder, { recursive: true })
})
afterAll(async () => {
  await browser.close()
  await world[Symbol.asyncDispose]()
})

describe.each([
  { look: 'light', dark: false, width: 1440, rules: 'all' },
  { look: 'dark', dark: true, width: 1440, rules: 'colours' },
  { look: 'narrow', dark: false, width: 320, rules: 'none' },
] as const)('in $look', ({ look, dark, width, rules }) => {
  // The short run looks at the main pages in light; a screen reader hears the same in the dark.
  const isShort = look === 'light'
  test.runIf(isLong || isShort || folder !== undefined)(
    'every page opens by its address, without a fault of accessibility',
    async () => {
      await using tab = await openPage(browser, { dark, width })
      const { page, problems } = tab
      await signIn(page, world)
      const found: string[] = []
      for (const { name, path } of isLong || folder !== undefined ? everyPage : mainPages) {
        await page.goto(world.server.url + (await path(world)))
        await settled(page)
        if (name !== 'not-found' && (await page.title()).startsWith('No such')) found.push(`${name}: it is not there`)
        if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}-${look}.png` })
        if (rules !== 'none') found.push(...(await violations(page, rules)).map((violation) => `${name}: ${violation}`))
        const tooWide = await page.evaluate(
          'document.documentElement.scrollWidth > document.documentElement.clientWidth',
        )
        if (tooWide === true) found.push(`${name}: it is wider than the window`)
      }
      expect(found).toEqual([])
      expect(problems).toEqual([])
    },
    600_000,
  )
})
