import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const compileCache = fileURLToPath(new URL('../../../.cache/compile', import.meta.url))
/** The program, to be run with this Node. */
export const main: string = fileURLToPath(new URL('../src/main.ts', import.meta.url))

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `nixen` as a process of its own, as users do. */
export function runNixen(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Result> {
  const env = { NODE_COMPILE_CACHE: compileCache, ...process.env, ...options.env }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...args], { cwd: options.cwd, env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    )
    child.stdin?.end()
  })
}
