import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** All rules, or only those about colours: nothing else differs in the dark. */
export type AxeRules = 'all' | 'colours'

/** Ends when colours are no longer on their way to others; what turns for ever is not waited for. */
const settled = `new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next))).then(() =>
  Promise.all(
    document.getAnimations()
      .filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity)
      .map(({ finished }) => finished.catch(() => undefined)),
  ).then(() => undefined))`

/** What axe finds wrong: the rule and where, a line each. Evaluated by the browser's debugger, which the page's policy does not bind. */
export async function findViolations(page: Page, rules: AxeRules = 'all'): Promise<readonly string[]> {
  await page.evaluate(source)
  await page.evaluate(settled)
  const runOnly = rules === 'all' ? { type: 'tag', values: tags } : { type: 'rule', values: ['color-contrast'] }
  const options = JSON.stringify({ runOnly })
  // axe's own type of what it gives.
  const { violations } = (await page.evaluate(`axe.run(document, ${options})`)) as AxeResults
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary}`),
  )
}
