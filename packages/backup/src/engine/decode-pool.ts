import { Worker } from 'node:worker_threads'
import { messageOf } from '@nixen/core'
import { backupErrors } from '../errors.ts'
import type { MasterKey } from '../crypto/seal.ts'
import type { DecodeAnswer, DecodeBlob, DecodeRequest, DecodeSetup } from '../worker/decode-protocol.ts'
import { workerLimits } from '../worker/protocol.ts'

interface Waiting {
  readonly resolve: (reasons: readonly (string | undefined)[]) => void
  readonly reject: (error: unknown) => void
}

/** Worker threads that open, decompress and verify blobs. */
export class DecodePool implements AsyncDisposable {
  readonly #members: { readonly worker: Worker; readonly waiting: Map<number, Waiting> }[] = []
  #number = 0
  #failure: Error | undefined

  constructor({ key, workers }: { key: MasterKey; workers: number }) {
    for (let i = 0; i < workers; i++) this.#start({ key })
  }

  /**
   * Decodes blobs of `sealed` into `output` (shared memory). `sealed` is given away: do not use it afterwards. Resolves with what is wrong with each
   * blob, if anything.
   */
  async decode(request: {
    sealed: Uint8Array
    output: Uint8Array<SharedArrayBuffer>
    blobs: readonly DecodeBlob[]
  }): Promise<readonly (string | undefined)[]> {
    if (this.#failure) throw this.#failure
    const number = this.#number++
    // The one with the least to do.
    const [first, ...others] = this.#members
    const member = others.reduce(
      (best, other) => (best && other.waiting.size < best.waiting.size ? other : best),
      first,
    )
    if (!member) throw new TypeError('a pool without workers')
    return new Promise((resolve, reject) => {
      member.waiting.set(number, { resolve, reject })
      const message: DecodeRequest = { number, ...request }
      member.worker.postMessage(message, ownMemory(request.sealed))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#failure ??= backupErrors.worker_failed({ reason: 'it was stopped' })
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()))
  }

  #start(setup: DecodeSetup): void {
    const worker = new Worker(
      new URL(`../worker/decode-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
      { workerData: setup, resourceLimits: workerLimits },
    )
    const waiting = new Map<number, Waiting>()
    this.#members.push({ worker, waiting })
    worker.on('message', ({ number, reasons }: DecodeAnswer) => {
      waiting.get(number)?.resolve(reasons)
      waiting.delete(number)
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

/** The memory to hand over instead of copying it: only if nothing else lies in it. */
function ownMemory(bytes: Uint8Array): ArrayBuffer[] {
  const { buffer } = bytes
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength ? [buffer] : []
}
