import { Worker } from 'node:worker_threads'
import type { MasterKey } from '../crypto/seal.ts'
import { backupErrors } from '../errors.ts'
import type { PackReport } from './verify-pack.ts'
import type { VerifyRequest, VerifyResponse } from './verify-worker.ts'

/** The thread's file beside this one, as source or compiled. */
const workerFile = new URL(`./verify-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

interface Thread {
  readonly worker: Worker
  settle: { resolve: (report: PackReport) => void; reject: (error: Error) => void } | undefined
}

/** Worker threads that verify packs, one pack each at a time. Callers beyond the number of threads wait. */
export class VerifyPool implements AsyncDisposable {
  readonly #idle: Thread[] = []
  readonly #all: Thread[] = []
  readonly #waiting: ((thread: Thread) => void)[] = []
  #failure: Error | undefined

  constructor(masterKey: MasterKey, threads: number) {
    for (let i = 0; i < threads; i++) this.#start(masterKey)
  }

  /** Verifies one pack. The memory of `bytes` goes to the thread if it is its own. Errors: `backup.worker_failed`. */
  async verify(request: VerifyRequest): Promise<PackReport> {
    const thread = await this.#take()
    try {
      return await new Promise<PackReport>((resolve, reject) => {
        thread.settle = { resolve, reject }
        if (this.#failure) reject(this.#failure)
        else thread.worker.postMessage(request, transferable(request.bytes))
      })
    } finally {
      thread.settle = undefined
      const next = this.#waiting.shift()
      if (next) next(thread)
      else this.#idle.push(thread)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map(({ worker }) => worker.terminate()))
  }

  #start(masterKey: MasterKey): void {
    const worker = new Worker(workerFile, { workerData: { masterKey } })
    const thread: Thread = { worker, settle: undefined }
    worker.on('message', (answer: VerifyResponse) => {
      if ('report' in answer) thread.settle?.resolve(answer.report)
      else thread.settle?.reject(backupErrors.worker_failed({ reason: answer.failure }))
    })
    const fail = (reason: string, cause?: unknown): void => {
      this.#failure ??= backupErrors.worker_failed({ reason }, { cause })
      thread.settle?.reject(this.#failure)
    }
    worker.on('error', (error) => fail(error instanceof Error ? error.message : String(error), error))
    worker.on('exit', (code) => fail(`exit code ${code}`))
    this.#all.push(thread)
    this.#idle.push(thread)
  }

  #take(): Promise<Thread> | Thread {
    const thread = this.#idle.pop()
    return thread ?? new Promise((resolve) => this.#waiting.push(resolve))
  }
}

function transferable(bytes: Uint8Array): ArrayBuffer[] {
  const { buffer } = bytes
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength ? [buffer] : []
}
