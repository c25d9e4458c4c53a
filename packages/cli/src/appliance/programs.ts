import { spawn } from 'node:child_process'
import { applianceErrors } from './errors.ts'
import type { Step } from './journal.ts'

export interface RunOptions {
  readonly step: Step | 'roll back' | 'collect garbage'
  readonly cwd?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Whose folder it works in, when this is root: what it makes there belongs to them. */
  readonly as?: { readonly uid: number; readonly gid: number } | undefined
  /** What the program prints goes on to here. */
  readonly log: (text: string) => void
}

/** Longest end of what a program printed that is kept for a message, UTF-16 code units. */
const longestSaid = 400

/** Runs a program to its end; what it prints is logged. Resolves with its standard output. @throws appliance.step_failed, appliance.no_program */
export async function runProgram(command: readonly string[], options: RunOptions): Promise<string> {
  const { step, cwd, signal, as, log } = options
  const [program = '', ...args] = command
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const other = as !== undefined && process.getuid?.() === 0 && as.uid !== 0
  // Another user has no business in root's home.
  const who = other ? { uid: as.uid, gid: as.gid } : {}
  const env = {
    ...process.env,
    ...(other ? { HOME: '/var/empty' } : {}),
    // `nix flake` and `nix store` are still called experiments.
    NIX_CONFIG: `${process.env['NIX_CONFIG'] ?? ''}\nextra-experimental-features = nix-command flakes`,
  }
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], signal, ...who })
  let stdout = ''
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    log(text)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-longestSaid)
    log(text)
  })
  child.on('error', (cause) =>
    reject(
      signal?.aborted === true ? cause : applianceErrors.no_program({ program, reason: cause.message }, { cause }),
    ),
  )
  child.on('close', (code, killed) => {
    if (code === 0) return resolve(stdout)
    // The shell's convention for a signal; which one is in the log.
    const last = said.trim().split('\n').at(-1) ?? ''
    reject(applianceErrors.step_failed({ step, program, code: code ?? 128, said: killed === null ? last : killed }))
  })
  return await promise
}
