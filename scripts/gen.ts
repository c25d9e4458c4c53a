// npm run gen: makes every generated file anew. --verify: fails when a committed one differs.
import { globSync } from 'node:fs'
import { report, root, runStep, type StepResult } from './lib.ts'

const verify = process.argv.slice(2).filter((argument) => argument === '--verify')
const results: StepResult[] = []
for (const script of globSync('packages/*/scripts/gen*.ts', { cwd: root }).toSorted()) {
  results.push(await runStep({ name: script, args: [script, ...verify] }))
}
report(verify.length > 0 ? 'Generated files' : 'Generated', results)
