import type { CommandContext, StricliProcess } from '@stricli/core'
import type { Clock } from '@nixen/core'
import { systemClock } from '@nixen/core'

/** A stream that text goes to; a terminal or not. */
export interface TextStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly write: (text: string) => void
}

/** What every command gets: where text goes, when to stop, what time it is. */
export interface NixenContext extends CommandContext {
  readonly process: StricliProcess & { readonly stdout: TextStream; readonly stderr: TextStream }
  /** Aborted by Ctrl-C and by the signals that ask a program to end. */
  readonly signal: AbortSignal
  readonly clock: Clock
}

/** What the first signal aborts with; one that comes later than {@link sameRequest} ends the process at once. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly signalName: NodeJS.Signals
  constructor(signalName: NodeJS.Signals) {
    super('Interrupted.')
    this.signalName = signalName
  }
}

/**
 * Milliseconds within which a second signal is taken for the first one. Who ends a whole group of processes (systemd, `timeout`, a terminal)
 * reaches this one twice: by itself, and through the launcher, which hands on what it gets.
 */
const sameRequest = 1000

/** The context of the running process. */
export function processContext(): NixenContext {
  const controller = new AbortController()
  let asked: number | undefined
  const end = (name: NodeJS.Signals): void => {
    if (asked === undefined) {
      asked = performance.now()
      process.stderr.write(name === 'SIGINT' ? '\nInterrupted, cleaning up … (Ctrl-C again to end at once)\n' : '')
      controller.abort(new Interrupted(name))
    } else if (performance.now() - asked > sameRequest) {
      process.off(name, end)
      process.kill(process.pid, name)
    }
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, end)
  // Node's `exitCode` may also be `undefined`, which the library's type leaves out and its code does not mind.
  return { process: process as NixenContext['process'], signal: controller.signal, clock: systemClock }
}
