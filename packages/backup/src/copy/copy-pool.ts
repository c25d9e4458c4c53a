import { Worker } from 'node:worker_threads'
import { messageOf } from '@nixen/core'
import type { MasterKey } from '../crypto/seal.ts'
import { backupErrors } from '../errors.ts'
import { workerLimits } from '../worker/protocol.ts'
import type { CopyRequest, CopyResponse } from './copy-worker.ts'
import type { Resealed, SealedPart } from './reseal.ts'

interface Member {
  readonly worker: Worker
  readonly waiting: Map<number, PromiseWithResolvers<readonly Resealed[]>>
}

/** The thread's file beside this one, as source or compiled. */
const workerFile = new URL(`./copy-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/** Threads that put blobs under another key. */
export class CopyPool implements AsyncDisposable {
  readonly #members: Member[] = []
  #number = 0
  #failure: Error | undefined

  constructor(keys: { readonly from: MasterKey; readonly to: MasterKey }, threads: number) {
    for (let i = 0; i < threads; i++) this.#start(keys)
  }

  /** The memory of `part` goes to the thread if it is its own. Errors: `backup.worker_failed`. */
  async reseal(part: SealedPart): Promise<readonly Resealed[]> {
    if (this.#failure) throw this.#failure
    // The one with the least to do.
    const [member] = this.#members.toSorted((a, b) => a.waiting.size - b.waiting.size)
    if (!member) throw new TypeError('a pool without threads')
    const number = this.#number++
    const waiting = Promise.withResolvers<readonly Resealed[]>()
    member.waiting.set(number, waiting)
    const { buffer, byteLength } = part.bytes
    const own = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : []
    member.worker.postMessage({ number, part } satisfies CopyRequest, own)
    return await waiting.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#failure ??= backupErrors.worker_failed({ reason: 'it was stopped' })
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()))
  }

  #start(keys: { readonly from: MasterKey; readonly to: MasterKey }): void {
    const worker = new Worker(workerFile, { workerData: keys, resourceLimits: workerLimits })
    const waiting: Member['waiting'] = new Map()
    this.#members.push({ worker, waiting })
    worker.on('message', (answer: CopyResponse) => {
      const settle = waiting.get(answer.number)
      waiting.delete(answer.number)
      if ('results' in answer) settle?.resolve(answer.results)
      else settle?.reject(backupErrors.worker_failed({ reason: answer.failure }))
    })
    worker.on('error', (error) => this.#fail(messageOf(error), error))
    worker.on('exit', (code) => this.#fail(`it exited with code ${code}`))
  }

  #fail(reason: string, cause?: unknown): void {
    this.#failure ??= backupErrors.worker_failed({ reason }, { cause })
    for (const { waiting } of this.#members) {
      for (const { reject } of waiting.values()) reject(this.#failure)
      waiting.clear()
    }
  }
}
