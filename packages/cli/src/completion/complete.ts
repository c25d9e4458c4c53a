import { proposeCompletions } from '@stricli/core'
import { nixenApp, routesFor } from '../app.ts'
import type { NixenContext } from '../context.ts'

/** Most lines: more would only fill the terminal. */
const most = 300

/**
 * What can stand in place of the last word: a line each, the completion, a tab and a few words about it. Shells call it by
 * `nixen __complete WORDS`; it never fails.
 */
export async function complete(words: readonly string[], context: NixenContext): Promise<string> {
  try {
    const app = nixenApp(context.process.env ?? {}, await routesFor(words.slice(0, -1)))
    const found = await proposeCompletions(app, words, context)
    const texts = found.filter(({ completion }) => !/[\n\t]/.test(completion)).slice(0, most)
    return texts.map(({ completion, brief }) => `${completion}\t${brief.replaceAll(/\s+/g, ' ')}\n`).join('')
  } catch {
    // Somebody who presses Tab wants no error.
    return ''
  }
}
