import { formatDuration, type Clock } from '@nixen/core'
import { withProgress } from '../command.ts'
import type { NixenContext } from '../context.ts'
import type { Progress, ProgressView } from '../output/progress.ts'

/** One step of the demonstration, as it is told. */
export interface Step {
  /** Name for programs. */
  readonly name: string
  /** What is done, for people. */
  readonly title: string
}

/** What a step gives back. */
export interface StepResult<T> {
  readonly value: T
  /** What came of it, in a few words. */
  readonly told: string
}

/** How long a step took. */
export interface StepTime {
  readonly step: string
  readonly seconds: number
}

export interface NarratorOptions {
  readonly context: NixenContext
  readonly json: boolean
  /** How many steps there will be. */
  readonly steps: number
  /** Told before each step begins, and waited for. */
  readonly onStep?: ((step: string) => void | Promise<void>) | undefined
}

/** Tells one step after the other: on a terminal a bar while it goes on, and a line with what came of it. With `--json` lines of JSON on standard error. */
export class Narrator {
  readonly #options: NarratorOptions
  readonly #clock: Clock
  readonly times: StepTime[] = []

  constructor(options: NarratorOptions) {
    this.#options = options
    this.#clock = options.context.clock
  }

  async step<T>({ name, title }: Step, work: (view: ProgressView) => Promise<StepResult<T>>): Promise<T> {
    const { context, json, steps, onStep } = this.#options
    context.signal.throwIfAborted()
    await onStep?.(name)
    const number = this.times.length + 1
    const start = this.#clock.monotonic()
    const { value, told } = await withProgress(context, { json }, async (view) => {
      const titled: ProgressView = {
        update: (progress: Progress) => view.update({ ...progress, phase: `${number}/${steps} ${title}` }),
        end: () => view.end(),
      }
      titled.update({ done: 0, unit: 'percent' })
      return await work(titled)
    })
    const took = this.#clock.monotonic() - start
    this.times.push({ step: name, seconds: Math.round(took) / 1000 })
    if (json) {
      const line = { type: 'step', step: name, number, of: steps, told, seconds: Math.round(took) / 1000 }
      context.process.stderr.write(`${JSON.stringify(line)}\n`)
    } else context.process.stdout.write(`${number}/${steps} ${title}: ${told} (${formatDuration(took)})\n`)
    return value
  }
}
