// npm run check: all static checks.
import { report, runStep, tools, type Step, type StepResult } from './lib.ts'

export const checks: readonly Step[] = [
  { name: 'types', args: [tools.tsc, '-b'] },
  { name: 'lint', args: [tools.oxlint, '--type-aware'] },
  { name: 'format', args: [tools.oxfmt, '--check', '.'] },
  { name: 'layers', args: ['scripts/check-layers.ts'] },
  { name: 'generated files', args: ['scripts/gen.ts', '--verify'] },
]

/** Runs every check, also after one has failed, so that one run shows all there is to mend. */
export async function runChecks(): Promise<StepResult[]> {
  const results: StepResult[] = []
  for (const step of checks) results.push(await runStep(step))
  return results
}

if (import.meta.main) report('Checks', await runChecks())
