// A worker process (`nixen worker`): opens repositories and disks, so that the server never does. Started by the server with an IPC channel; it takes one
// operation at a time and ends when the channel does. Nothing is read from the command line or the environment but what the S3 client and Node look for.
import { repositoryErrors } from '@nixen/api/repository-errors'
import { OpenRepository } from './child/open-repository.ts'
import { operations } from './child/operations.ts'
import { RemoteJournal } from './child/remote-journal.ts'
import { ProgressReporter } from './child/progress.ts'
import { Sessions } from './child/sessions.ts'
import { WorkRates } from './child/work-rates.ts'
import type { OperationCode } from './child/context.ts'
import type { OperationName } from './operations.ts'
import { aliveEvery, toWire, type FromWorker, type ToWorker } from './protocol.ts'

/** Milliseconds that operations get to end (to give back locks) when the server is gone. */
const lastWords = 5000

process.title = 'nixen worker'
const rates = new WorkRates()
const repositories = new OpenRepository(rates)
let running: { readonly id: number; readonly stop: AbortController; readonly journal: RemoteJournal } | undefined

process.on('message', (message) => {
  // Only the server is at the other end.
  const request = message as ToWorker
  if (request.type === 'run') void run(request)
  else if (running?.id !== request.id) return
  else if (request.type === 'answer') running.journal.answered(request)
  else if (request.type === 'rates') rates.set(request.rates)
  else running.stop.abort(repositoryErrors.cancelled({ operation: 'work' }))
})
// The server is gone, or has no more use for this process.
process.on('disconnect', () => {
  if (!running) process.exit(0)
  running.stop.abort(new Error('the server is gone'))
  setTimeout(() => process.exit(1), lastWords).unref()
})
// Ctrl-C reaches the whole group of a terminal; the server decides what becomes of its workers.
process.on('SIGINT', () => undefined)

setInterval(() => void send({ type: 'alive', rss: process.memoryUsage.rss() }), aliveEvery).unref()
void send({ type: 'ready' })

async function run({ id, operation, access, input, rates: first }: ToWorker & { type: 'run' }): Promise<void> {
  rates.set(first)
  const stop = new AbortController()
  const journal = new RemoteJournal((seq, question) => void send({ type: 'ask', id, seq, question }))
  running = { id, stop, journal }
  const { signal } = stop
  const sessions = new Sessions(signal)
  const reporter = new ProgressReporter((progress) => void send({ type: 'progress', id, progress }))
  try {
    // `input` is of the operation: both come from one call of the pool.
    const code = (await operations[operation]()) as OperationCode<OperationName> as (
      input: unknown,
      context: Parameters<OperationCode<OperationName>>[1],
    ) => Promise<unknown>
    const output = await code(input, {
      access,
      repositories,
      rates,
      open: () => repositories.get(access, signal),
      openWithIndex: () => repositories.withIndex(access, signal),
      session: (spec) => sessions.get(spec),
      journal,
      signal,
      progress: reporter.tell,
      send: async (items) => await send({ type: 'items', id, items }),
    })
    await send({ type: 'done', id, output, rss: process.memoryUsage.rss() })
  } catch (error) {
    // What is open may be in doubt: the next operation opens it again.
    await repositories[Symbol.asyncDispose]().catch(() => undefined)
    await send({ type: 'failed', id, error: toWire(signal.aborted ? signal.reason : error) })
  } finally {
    await sessions[Symbol.asyncDispose]()
    running = undefined
    if (!process.connected) process.exit(0)
  }
}

/** Resolves when the message is on its way, so that a list is sent no faster than it is taken. Without a server there is nobody to tell. */
async function send(message: FromWorker): Promise<void> {
  if (!process.connected || !process.send) return
  const { promise, resolve } = Promise.withResolvers<void>()
  process.send(message, undefined, undefined, () => resolve())
  await promise
}
