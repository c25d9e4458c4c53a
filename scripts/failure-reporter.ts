import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import type { Reporter, SerializedError, TestModule } from 'vitest/node'
import { root } from './lib.ts'

/** Something that failed in a suite: a test, or a hook, a file or a promise outside of tests. */
export interface Failure {
  readonly where: string
  readonly message: string
  /** It failed, and then passed: the test is not to be relied on. */
  readonly unsteady?: boolean
}

/** For vitest: writes all failures of a run to the file that NIXEN_FAILURES names, for `npm test` to print at its end. */
export default class FailureReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const failures = [
      ...modules.flatMap(failuresOf),
      ...unhandled.map((error) => ({ where: 'an error that no test has caught', message: describe(error) })),
    ]
    const file = process.env['NIXEN_FAILURES']
    if (file !== undefined) writeFileSync(file, JSON.stringify(failures))
  }
}

function failuresOf(module: TestModule): Failure[] {
  const file = relative(root, module.moduleId)
  const found: Failure[] = []
  const add = (where: string, errors: readonly SerializedError[] = []): void => {
    for (const error of errors) found.push({ where, message: describe(error) })
  }
  add(file, module.errors())
  for (const suite of module.children.allSuites()) add(`${file} > ${suite.fullName}`, suite.errors())
  for (const test of module.children.allTests('failed')) add(`${file} > ${test.fullName}`, test.result().errors)
  for (const test of module.children.allTests('passed')) {
    if (!test.diagnostic()?.flaky) continue
    const [error] = test.result().errors ?? []
    const message = error ? describe(error) : 'It failed once and then passed.'
    found.push({ where: `${file} > ${test.fullName}`, message, unsteady: true })
  }
  if (found.length === 0 && module.state() === 'pending')
    found.push({ where: file, message: 'It did not come to its end.' })
  return found
}

/** What went wrong, where in this checkout, the difference, and the cause. */
function describe(error: SerializedError): string {
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && line.includes(root) && !line.includes('node_modules'))
    .map((line) => line.replace(root, '').replace('file://', ''))
  // Vitest begins the name of a cause with "Caused by:".
  const lines = [`${error.name ?? 'Error'}: ${error.message}`, ...frames.slice(0, 3)]
  if (typeof error.diff === 'string') lines.push(error.diff)
  if (error.cause) lines.push(describe(error.cause))
  return stripVTControlCharacters(lines.join('\n'))
}
