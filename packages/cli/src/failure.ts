import { constants } from 'node:os'
import { ArgumentScannerError, formatMessageForArgumentScannerError } from '@stricli/core'
import { isAppError, messageOf, systemCode } from '@nixen/core'
import { Interrupted } from './context.ts'

/** Exit codes: 0 done, 1 failed, 2 wrong use, 3 done and the answer is no, 128 + n ended by signal n. */
export const exitCodes = { failed: 1, usage: 2, different: 3 } as const

/** What a person reads about a failure: one sentence and its code, never a stack trace (unless NIXEN_DEBUG is set). */
export function describeFailure(error: unknown, env: Readonly<Record<string, string | undefined>>): string {
  const code = isAppError(error) ? error.code : systemCode(error)
  const sentence = `nixen: ${messageOf(error)}${code === undefined ? '' : ` [${code}]`}`
  if (!env['NIXEN_DEBUG']) {
    // A failure without a code is one that nobody thought of: say how to see more.
    return code === undefined && !(error instanceof Interrupted)
      ? `${sentence}\nSet NIXEN_DEBUG=1 to see where it came from.`
      : sentence
  }
  return `${sentence}\n${error instanceof Error ? (error.stack ?? '') : ''}${causesOf(error)}`
}

/** What a person reads about a command line that can't be understood. */
export function describeUsageFailure(error: unknown, env: Readonly<Record<string, string | undefined>>): string {
  if (error instanceof ArgumentScannerError) return formatMessageForArgumentScannerError(error, {})
  // Parsers say what is wrong by a SyntaxError; where they stand in the code is of no use to who typed it.
  return error instanceof SyntaxError && !env['NIXEN_DEBUG'] ? `nixen: ${error.message}` : describeFailure(error, env)
}

/** Exit code of a failure. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof Interrupted)) return exitCodes.failed
  // The shell's convention for a program that a signal ended.
  return 128 + constants.signals[error.signalName]
}

function causesOf(error: unknown): string {
  let text = ''
  for (let cause = error; cause instanceof Error && cause.cause !== undefined;) {
    cause = cause.cause
    text += `\ncaused by: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`
  }
  return text
}
