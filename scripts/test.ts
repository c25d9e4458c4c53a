// npm test: every check and every test. With arguments: only vitest, with these arguments.
import { globSync, mkdirSync, readFileSync } from 'node:fs'
import { runChecks } from './check.ts'
import { report, root, runStep, tools, type StepResult } from './lib.ts'

const only = process.argv.slice(2)
if (only.length > 0) {
  report('Tests', [await runStep({ name: 'vitest', args: [tools.vitest, 'run', ...only] })])
} else {
  const checks = await runChecks()
  const suites = globSync('packages/*', { cwd: root })
    .map((folder) => folder.slice('packages/'.length))
    .filter((name) => globSync(`packages/${name}/{src,test}/**/*.test.ts`, { cwd: root }).length > 0)
    .toSorted()
  const results: StepResult[] = []
  let passed = 0
  let failed = 0
  for (const suite of suites) {
    console.log(`\n--- ${suite}`)
    const file = `.cache/tests-${suite}.json`
    mkdirSync(`${root}.cache`, { recursive: true })
    const args = [
      tools.vitest,
      'run',
      '--project',
      suite,
      '--reporter=default',
      '--reporter=json',
      `--outputFile=${file}`,
    ]
    const result = await runStep({ name: suite, args })
    const counts = readCounts(file)
    passed += counts.passed
    failed += counts.failed
    // A suite that ran nothing has tested nothing.
    results.push({ ...result, ok: result.ok && counts.passed > 0, name: `${suite} (${counts.passed} passed)` })
  }
  report('Checks', checks)
  report('Tests', results)
  const wrong = checks.filter(({ ok }) => !ok).length + results.filter(({ ok }) => !ok).length
  if (wrong > 0) console.log(`\n${wrong} of the above failed; look for FAIL.`)
  console.log(`\n${passed} passed, ${failed} failed`)
}

function readCounts(file: string): { passed: number; failed: number } {
  // Written by vitest just now; when it crashed before, the suite has failed anyway.
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(root + file, 'utf8')) as {
      numPassedTests: number
      numFailedTests: number
    }
    return { passed: numPassedTests, failed: numFailedTests }
  } catch {
    return { passed: 0, failed: 0 }
  }
}
