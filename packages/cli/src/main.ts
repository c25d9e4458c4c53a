import { run } from '@stricli/core'
import { nixenApp, routesFor } from './app.ts'
import { withConnectionKind } from './connect/connection-kind.ts'
import { processContext } from './context.ts'
import { exitCodes } from './failure.ts'

// A reader that has read enough (`nixen vm list | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})
const words = withConnectionKind(process.argv.slice(2))
const isHelp = words.length === 0 || (words.length === 1 && /^(--help|-h|help)$/.test(words[0] ?? ''))
if (isHelp) {
  const { rootHelp } = await import('./help.ts')
  process.stdout.write(`${rootHelp(await routesFor([]))}\n`)
} else if (words[0] === '__complete') {
  const { complete } = await import('./completion/complete.ts')
  process.stdout.write(await complete(words.slice(1), processContext()))
  // A request that is still on its way must not keep a shell waiting.
  process.exit()
} else {
  await run(nixenApp(process.env, await routesFor(words)), words, processContext())
  // The library counts wrong use in negative numbers.
  if (typeof process.exitCode === 'number' && process.exitCode < 0) process.exitCode = exitCodes.usage
}
