// npm test: every check and every test. With arguments: only vitest, with these arguments.
import { globSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { runChecks } from './check.ts'
import type { Failure } from './failure-reporter.ts'
import { report, root, runStep, tools, type StepResult } from './lib.ts'

interface SuiteResult extends StepResult {
  readonly suite: string
  readonly passed: number
  readonly failed: number
  readonly failures: readonly Failure[]
}

const only = process.argv.slice(2)
if (only.length > 0) {
  report('Tests', [await runStep({ name: 'vitest', args: [tools.vitest, 'run', ...only] })])
} else {
  const checks = await runChecks()
  const results: SuiteResult[] = []
  for (const suite of listSuites()) results.push(await runSuite(suite))
  report('Checks', checks)
  report('Tests', results)
  printSummary(checks, results)
}

function listSuites(): string[] {
  const packages = globSync('packages/*', { cwd: root })
    .map((folder) => folder.slice('packages/'.length))
    .filter((name) => globSync(`packages/${name}/{src,test}/**/*.test.ts`, { cwd: root }).length > 0)
  return [...packages, 'nix'].toSorted()
}

async function runSuite(suite: string): Promise<SuiteResult> {
  console.log(`\n--- ${suite}`)
  const countsFile = `${root}.cache/tests-${suite}.json`
  const failuresFile = `${root}.cache/failures-${suite}.json`
  mkdirSync(`${root}.cache`, { recursive: true })
  // What an earlier run has written says nothing about this one.
  for (const file of [countsFile, failuresFile]) rmSync(file, { force: true })
  const reporters = ['default', 'json', './scripts/failure-reporter.ts'].map((name) => `--reporter=${name}`)
  // Once more, so that a machine that stood still for a moment does not fail all; who needed it is named at the end, to be mended.
  const again = '--retry=1'
  const args = [tools.vitest, 'run', '--project', suite, again, ...reporters, `--outputFile.json=${countsFile}`]
  const result = await runStep({ name: suite, args, env: { NIXEN_FAILURES: failuresFile } })
  // Both were written by vitest just now; when it has crashed before, the suite has failed anyway.
  const counts = readJson(countsFile) as { numPassedTests: number; numFailedTests: number } | undefined
  const passed = counts?.numPassedTests ?? 0
  const failures = (readJson(failuresFile) as Failure[] | undefined) ?? []
  const name = `${suite} (${passed} passed)`
  // A suite that ran nothing has tested nothing.
  return { ...result, ok: result.ok && passed > 0, name, suite, passed, failed: counts?.numFailedTests ?? 0, failures }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** All that has failed, by name: the last lines of a log are often all that is left of a run on another machine. */
function printSummary(checks: readonly StepResult[], results: readonly SuiteResult[]): void {
  for (const { ok, suite, failures } of results) {
    if (!ok && failures.length === 0)
      console.log(`\nFAIL ${suite}: it ended early, or had no tests; see its output above`)
    for (const failure of failures) printFailure(suite, failure)
  }
  for (const { ok, name } of checks) if (!ok) console.log(`\nFAIL check "${name}": see its output at the top`)
  const sum = (count: 'passed' | 'failed'): number => results.reduce((total, result) => total + result[count], 0)
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`)
}

function printFailure(suite: string, { where, message, unsteady }: Failure): void {
  console.log(`\n${unsteady ? 'UNSTEADY (failed, then passed)' : 'FAIL'} ${suite}: ${where}`)
  for (const line of message.split('\n').slice(0, 15)) console.log(`  ${line.slice(0, 300)}`)
}
