// Makes docs/reference/{configuration,errors}.md from the settings and the errors. --verify: fails when a committed file differs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { errorAreas } from '@nixen/api'
import { errorsPage } from '../../api/scripts/gen/errors-page.ts'
import { configurationPage } from '../src/config/page.ts'
import { serverArea } from '../src/errors.ts'

const files: Readonly<Record<string, string>> = {
  'configuration.md': configurationPage(),
  'errors.md': errorsPage([...errorAreas, serverArea]),
}

for (const [name, wanted] of Object.entries(files)) {
  const target = fileURLToPath(new URL(`../../../docs/reference/${name}`, import.meta.url))
  if (!process.argv.includes('--verify')) writeFileSync(target, wanted)
  else if (!existsSync(target) || readFileSync(target, 'utf8') !== wanted) {
    console.error(`docs/reference/${name} is not what the code says. Run "npm run gen" and commit it.`)
    process.exitCode = 1
  }
}
