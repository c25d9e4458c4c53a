import { run } from '@stricli/core'
import { systemClock } from '@nixen/core'
import { nixenApp, routesFor } from '../src/app.ts'
import type { NixenContext } from '../src/context.ts'
import { exitCodes } from '../src/failure.ts'
import type { Result } from './run-nixen.ts'

export interface HereOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Called with all that was written to standard output so far. */
  readonly onOutput?: (text: string) => void
  /** Columns of the terminal that standard output is. */
  readonly columns?: number
}

/** Runs a command in this process, without a terminal to ask on: quicker than a process of its own. */
export async function runHere(args: readonly string[], options: HereOptions = {}): Promise<Result> {
  const { env = {}, signal = new AbortController().signal, onOutput, columns } = options
  let stdout = ''
  let stderr = ''
  const process = {
    stdout: {
      ...(columns === undefined ? {} : { isTTY: true, columns }),
      write(text: string) {
        stdout += text
        onOutput?.(stdout)
      },
    },
    stderr: { write: (text: string) => void (stderr += text) },
    env,
    // The library leaves a code that a command has set.
    exitCode: null as number | string | null,
  }
  const context: NixenContext = { process, signal, clock: systemClock }
  await run(nixenApp(env, await routesFor(args)), args, context)
  const code = Number(process.exitCode)
  return { code: code < 0 ? exitCodes.usage : code, stdout, stderr }
}
