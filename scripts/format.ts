// npm run format: formats every file in place.
import { report, runStep, tools } from './lib.ts'

report('Format', [await runStep({ name: 'oxfmt', args: [tools.oxfmt, '.'] })])
