// Makes docs/reference/configuration.md from the settings. --verify: fails when the committed file differs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { configurationPage } from '../src/config/page.ts'

const target = fileURLToPath(new URL('../../../docs/reference/configuration.md', import.meta.url))
const wanted = configurationPage()
if (!process.argv.includes('--verify')) writeFileSync(target, wanted)
else if (!existsSync(target) || readFileSync(target, 'utf8') !== wanted) {
  console.error('docs/reference/configuration.md is not what the settings say. Run "npm run gen" and commit it.')
  process.exitCode = 1
}
