import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { repositoryErrors } from '@nixen/api'
import { MiB, type Log } from '@nixen/core'
import type { ProtectJournal } from '@nixen/providers'
import type { RepositoryAccess } from './descriptors.ts'
import type { InputOf, ItemOf, OperationName, OutputOf } from './operations.ts'
import type { WorkerProgress } from './operations/operation.ts'
import { fromWire, toWire, type FromWorker, type JournalQuestion, type Rates, type ToWorker } from './protocol.ts'

/** Bounds of one worker process. */
export interface WorkerLimits {
  /** Bytes of memory (RSS) at which it is stopped; 1.5 GiB when left out. The index of a repository takes 59 MB per TiB. */
  readonly memory?: number | undefined
  /** Bytes of JavaScript's heap; 384 MiB when left out. Buffers and indexes are not in it. */
  readonly heap?: number | undefined
  /** Milliseconds without a sign of life after which it counts as hung; 120,000 when left out. */
  readonly silence?: number | undefined
  /** Milliseconds to end after it was cancelled, before it is killed; 15,000 when left out. */
  readonly grace?: number | undefined
}

export interface WorkerOptions {
  /** File to start; `main.ts` beside this one when left out. A bundle names its own. */
  readonly entry?: string | undefined
  readonly limits?: WorkerLimits | undefined
  readonly log: Log
}

export interface RunOptions<N extends OperationName> {
  readonly signal?: AbortSignal | undefined
  readonly progress?: ((progress: WorkerProgress) => void) | undefined
  /** Where steps are written down before they are made; only `restoreVm` has any. */
  readonly journal?: ProtectJournal | undefined
  /** Called with what comes before the output, piece by piece. */
  readonly items?: ((items: readonly ItemOf<N>[]) => void) | undefined
}

interface Job {
  readonly id: number
  readonly operation: OperationName
  readonly settle: PromiseWithResolvers<unknown>
  readonly progress: ((progress: WorkerProgress) => void) | undefined
  readonly items: ((items: readonly never[]) => void) | undefined
  readonly journal: ProtectJournal | undefined
  /** Steps of the journal by the worker's number. */
  readonly entries: Map<number, Awaited<ReturnType<ProtectJournal['undo']>>>
}

/**
 * A disk over NBD and TLS comes as a buffer for each record of 16 KiB. A small young generation gives them back while they are still in the processor's
 * caches, and an old one that begins large does not make each 16 MB of them a reason to collect all: a fifth less CPU for a whole backup.
 */
const forManyBuffers = ['--max-semi-space-size=1', '--initial-old-space-size=64'] as const

/** Characters of standard error that are kept for the message about a crash. */
const keptOutput = 4000

/** One worker process. Takes one operation at a time. */
export class WorkerProcess {
  readonly #child: ChildProcess
  readonly #log: Log
  readonly #limits: Required<{ [K in keyof WorkerLimits]: number }>
  readonly #ended = Promise.withResolvers<void>()
  #job: Job | undefined
  #next = 1
  #output = ''
  /** Why this side ended it. */
  #verdict: Error | undefined
  #watch: NodeJS.Timeout | undefined
  #gone = false
  /** Memory at the last sign of life, bytes. */
  rss = 0

  constructor({ entry = fileURLToPath(new URL('./main.ts', import.meta.url)), limits = {}, log }: WorkerOptions) {
    const { memory = 1536 * MiB, heap = 384 * MiB, silence = 120_000, grace = 15_000 } = limits
    this.#limits = { memory, heap, silence, grace }
    this.#log = log
    this.#child = fork(entry, [], {
      execArgv: [`--max-old-space-size=${Math.ceil(heap / MiB)}`, ...forManyBuffers],
      env: environment(),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-keptOutput)
    })
    // The channel hands out what the other end sent.
    this.#child.on('message', (message) => this.#receive(message as FromWorker))
    this.#child.once('error', (error) => this.#end(error.message))
    this.#child.once('exit', (code, signal) => {
      // Its last words may still be on their way.
      setImmediate(() => this.#end(describeEnd(code, signal)))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Whether it can take an operation. */
  get usable(): boolean {
    return !this.#gone && this.#verdict === undefined && this.#job === undefined && this.#child.connected
  }

  /** Resolves when the process is gone. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Does one operation. @throws what the operation throws; repository.worker_failed, worker_memory, cancelled */
  async run<N extends OperationName>(
    operation: N,
    {
      access,
      input,
      rates = {},
    }: { readonly access: RepositoryAccess; readonly input: InputOf<N>; readonly rates?: Rates },
    { signal, progress, items, journal }: RunOptions<N> = {},
  ): Promise<OutputOf<N>> {
    signal?.throwIfAborted()
    if (!this.usable) throw repositoryErrors.worker_failed({ operation, reason: 'it is not running' })
    const id = this.#next++
    const settle = Promise.withResolvers<unknown>()
    // Pieces are of the operation that was asked for.
    this.#job = { id, operation, settle, progress, items: items as Job['items'], journal, entries: new Map() }
    this.#keepWatch()
    let killer: NodeJS.Timeout | undefined
    const onAbort = (): void => {
      this.#send({ type: 'cancel', id })
      killer = setTimeout(() => this.kill(repositoryErrors.cancelled({ operation })), this.#limits.grace)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      this.#send({ type: 'run', id, operation, access, input, rates })
      // What comes back is the output of the operation that was sent.
      return (await settle.promise) as OutputOf<N>
    } catch (error) {
      if (signal?.aborted) throw cancelledBy(signal, operation, error)
      throw error
    } finally {
      this.#job = undefined
      clearTimeout(killer)
      clearTimeout(this.#watch)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Other limits for what it does now. */
  limit(rates: Rates): void {
    if (this.#job) this.#send({ type: 'rates', id: this.#job.id, rates })
  }

  /** Lets it end by itself, once it has nothing to do. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    const timer = setTimeout(() => this.kill(new Error('it did not end')), this.#limits.grace)
    await this.ended
    clearTimeout(timer)
  }

  /** Ends it at once. Locks that it held are of a dead process: whoever comes next removes them. */
  kill(because: Error): void {
    this.#verdict ??= because
    this.#child.kill('SIGKILL')
  }

  #send(message: ToWorker): void {
    // A channel that is closed: the end of the process is told elsewhere.
    this.#child.send(
      message,
      (error) => error && this.#log.debug('a worker took no message', { reason: error.message }),
    )
  }

  #receive(message: FromWorker): void {
    this.#keepWatch()
    if (message.type === 'ready') return
    if (message.type === 'alive') return this.#weigh(message.rss)
    const job = this.#job
    // What came after an operation was given up is nobody's.
    if (!job || job.id !== message.id) return
    try {
      switch (message.type) {
        case 'progress':
          job.progress?.(message.progress)
          break
        case 'items':
          // Pieces are of the operation that was asked for.
          job.items?.(message.items as readonly never[])
          break
        case 'ask':
          void this.#answer(job, message.seq, message.question)
          break
        case 'done':
          this.rss = message.rss
          job.settle.resolve(message.output)
          break
        case 'failed':
          job.settle.reject(fromWire(message.error))
          break
      }
    } catch (error) {
      job.settle.reject(error)
      this.kill(new Error('what it said could not be taken'))
    }
  }

  async #answer(job: Job, seq: number, question: JournalQuestion): Promise<void> {
    const { id, journal, entries } = job
    try {
      if (question.kind === 'forget') await entries.get(question.entry)?.forget()
      else if (journal) entries.set(question.entry, await journal.undo(question.step))
      else throw new TypeError('there is no journal to write to')
      this.#send({ type: 'answer', id, seq })
    } catch (error) {
      this.#send({ type: 'answer', id, seq, error: toWire(error) })
    }
  }

  #weigh(rss: number): void {
    this.rss = rss
    if (rss <= this.#limits.memory || !this.#job) return
    const { operation } = this.#job
    this.kill(repositoryErrors.worker_memory({ operation, used: rss, limit: this.#limits.memory }))
  }

  /** While it works, signs of life must come. */
  #keepWatch(): void {
    clearTimeout(this.#watch)
    if (!this.#job || this.#gone) return
    const { operation } = this.#job
    const { silence } = this.#limits
    this.#watch = setTimeout(() => {
      const reason = `it gave no sign of life for ${Math.round(silence / 1000)} s and was stopped`
      this.kill(repositoryErrors.worker_failed({ operation, reason }))
    }, silence)
  }

  #end(how: string): void {
    if (this.#gone) return
    this.#gone = true
    clearTimeout(this.#watch)
    this.#child.stderr?.destroy()
    const job = this.#job
    const output = this.#output.trim()
    if (job) {
      this.#log.warn('a worker process ended while it worked', { operation: job.operation, how, output })
      const reason = /heap out of memory/.test(output) ? 'it ran out of memory (JavaScript heap)' : how
      job.settle.reject(this.#verdict ?? repositoryErrors.worker_failed({ operation: job.operation, reason }))
    }
    this.#ended.resolve()
  }
}

function cancelledBy(signal: AbortSignal, operation: OperationName, error: unknown): Error {
  const { reason } = signal
  // A reason of ours (a time-out, a lost lock) says more than "cancelled".
  if (reason instanceof Error && reason.name !== 'AbortError') return reason
  return repositoryErrors.cancelled({ operation }, { cause: error })
}

function describeEnd(code: number | null, signal: string | null): string {
  return signal === null ? `it ended with status ${code}` : `it was killed by ${signal}`
}

/** The variables of this process without those that are about Nixen or Node themselves: proxies, AWS's, time zone, locale stay. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('NIXEN_') && !name.startsWith('NODE_') && !name.startsWith('VITEST'),
  )
  return Object.fromEntries(kept)
}
