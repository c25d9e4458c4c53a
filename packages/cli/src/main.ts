import { run } from '@stricli/core'
import { nixenApp } from './app.ts'
import { processContext } from './context.ts'
import { exitCodes } from './failure.ts'

const context = processContext()
await run(nixenApp(process.env), process.argv.slice(2), context)
// The library counts wrong use in negative numbers.
if (typeof process.exitCode === 'number' && process.exitCode < 0) process.exitCode = exitCodes.usage
