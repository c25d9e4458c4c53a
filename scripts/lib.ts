import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The checkout, with a slash at the end. */
export const root: string = fileURLToPath(new URL('..', import.meta.url))

/** A step of a script: what it is called, and what it runs with this Node. */
export interface Step {
  readonly name: string
  readonly args: readonly string[]
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
}

export interface StepResult {
  readonly name: string
  readonly ok: boolean
  readonly seconds: number
}

/** Runs `node ...args` in the checkout with its output passed through. */
export async function runStep({ name, args, env }: Step): Promise<StepResult> {
  const start = performance.now()
  const ok = await new Promise<boolean>((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
    child.on('error', reject)
    child.on('exit', (code) => resolve(code === 0))
  })
  return { name, ok, seconds: (performance.now() - start) / 1000 }
}

/** Program of an npm package of the checkout, to be run with this Node. */
export const tools = {
  tsc: 'node_modules/typescript/bin/tsc',
  oxlint: 'node_modules/oxlint/bin/oxlint',
  oxfmt: 'node_modules/oxfmt/bin/oxfmt',
  vitest: 'node_modules/vitest/vitest.mjs',
} as const

/** Prints a line a step, and sets the exit code when one failed. */
export function report(title: string, results: readonly StepResult[]): void {
  console.log(`\n${title}`)
  for (const { name, ok, seconds } of results) {
    console.log(`  ${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(24)} ${seconds.toFixed(1).padStart(7)} s`)
  }
  if (results.some(({ ok }) => !ok)) process.exitCode = 1
}
