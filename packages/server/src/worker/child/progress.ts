import type { WorkerProgress } from '../operations/operation.ts'

/** What an operation says of itself; the rest is measured here. */
export type Told = Partial<WorkerProgress> & Pick<WorkerProgress, 'phase'>

/** Milliseconds between two reports, and over which a rate is measured. */
const reportEvery = 250
const rateOver = 4000

/** Thins out what an operation tells, and measures rates. */
export class ProgressReporter {
  readonly #send: (progress: WorkerProgress) => void
  readonly #samples: { readonly at: number; readonly bytes: number }[] = []
  #last: WorkerProgress = {
    phase: '',
    done: 0,
    total: 0,
    unit: 'items',
    bytesRead: 0,
    bytesWritten: 0,
    bytesPerSecond: 0,
  }
  #sent = -Infinity

  constructor(send: (progress: WorkerProgress) => void) {
    this.#send = send
  }

  readonly tell = (told: Told): void => {
    const now = performance.now()
    const changed = told.phase !== this.#last.phase || told.detail !== this.#last.detail
    this.#last = { ...this.#last, ...told }
    if (!changed && now - this.#sent < reportEvery && !(this.#last.total > 0 && this.#last.done >= this.#last.total))
      return
    this.#sent = now
    this.#last = { ...this.#last, bytesPerSecond: this.#rate(now, this.#last.bytesRead) }
    this.#send(this.#last)
  }

  #rate(now: number, bytes: number): number {
    this.#samples.push({ at: now, bytes })
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > rateOver) this.#samples.shift()
    const [first] = this.#samples
    if (!first || now - first.at < 1) return 0
    return Math.max(0, Math.round(((bytes - first.bytes) * 1000) / (now - first.at)))
  }
}
