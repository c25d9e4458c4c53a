import { buildCommand, type Command, type CommandBuilderArguments } from '@stricli/core'
import type { NixenContext } from './context.ts'
import { progressView, type ProgressView } from './output/progress.ts'

/** Flags that every command has. */
export interface CommonFlags {
  readonly json: boolean
}

/** The flag of {@link CommonFlags}, to be spread into a command's flags. */
export const commonFlags = {
  json: { kind: 'boolean', brief: 'Print one JSON object, and progress as JSON lines on stderr', default: false },
} as const

/** What does the work of a command. */
export type Run<Flags, Args extends readonly unknown[]> = (
  context: NixenContext,
  flags: Flags,
  ...args: Args
) => Promise<void>

/** What the command line of a command looks like, and its help. */
export type Usage<
  Flags extends Readonly<Partial<Record<keyof Flags, unknown>>>,
  Args extends readonly unknown[],
> = Pick<CommandBuilderArguments<Flags, Args, NixenContext>, 'parameters' | 'docs'>

/** A command whose code is loaded when it runs. */
export function lazyCommand<
  Flags extends Readonly<Partial<Record<keyof Flags, unknown>>>,
  Args extends readonly unknown[],
>(load: () => Promise<Run<Flags, Args>>, usage: NoInfer<Usage<Flags, Args>>): Command<NixenContext> {
  return buildCommand<Flags, Args, NixenContext>({
    ...usage,
    loader: async () => {
      const run = await load()
      return function (this: NixenContext, flags: Flags, ...args: Args) {
        return run(this, flags, ...args)
      }
    },
  })
}

/** Prints a result: the object with `--json`, otherwise the text. */
export function print({ process }: NixenContext, { json }: CommonFlags, result: { json: unknown; text: string }): void {
  process.stdout.write(json ? `${JSON.stringify(result.json)}\n` : result.text === '' ? '' : `${result.text}\n`)
}

/** Runs `work` with a view of its progress on stderr, which is gone when it returns. */
export async function withProgress<T>(
  context: NixenContext,
  { json }: CommonFlags,
  work: (view: ProgressView) => Promise<T>,
): Promise<T> {
  const view = progressView({ clock: context.clock, stderr: context.process.stderr, json })
  try {
    return await work(view)
  } finally {
    view.end()
  }
}
