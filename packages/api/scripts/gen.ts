// Makes docs/reference/{openapi.json,query-fields.md} from the contract. --verify: fails when a committed file differs.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { fieldsPage } from './gen/fields-page.ts'
import { allEndpoints, openApiOf } from '../src/index.ts'

const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const version =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : ''
const files: Readonly<Record<string, string>> = {
  'openapi.json': `${JSON.stringify(openApiOf(allEndpoints, { version }), undefined, 2)}\n`,
  'query-fields.md': fieldsPage(),
}

const verify = process.argv.includes('--verify')
for (const [name, wanted] of Object.entries(files)) {
  const target = fileURLToPath(new URL(`../../../docs/reference/${name}`, import.meta.url))
  if (!verify) writeFileSync(target, wanted)
  else if (readCommitted(target) !== wanted) {
    console.error(`docs/reference/${name} is not what the contract says. Run "npm run gen" and commit it.`)
    process.exitCode = 1
  }
}

function readCommitted(target: string): string {
  try {
    return readFileSync(target, 'utf8')
  } catch {
    // A file that is missing differs, too.
    return ''
  }
}
