import { parentPort, workerData } from 'node:worker_threads'
import { release } from '../crypto/memory.ts'
import { Sealer, type MasterKey } from '../crypto/seal.ts'
import type { PackedBlob } from '../pack/blob.ts'
import { verifyPack, type PackReport } from './verify-pack.ts'

/** What the pool sends: one pack, whose memory it gives away. */
export interface VerifyRequest {
  readonly name: string
  readonly bytes: Uint8Array
  readonly indexed: readonly PackedBlob[] | undefined
}

/** The answer to one request, in their order. */
export type VerifyResponse = { readonly report: PackReport } | { readonly failure: string }

// The pool that starts this thread hands over exactly this.
const { masterKey } = workerData as { masterKey: MasterKey }
const sealer = new Sealer(masterKey)

parentPort?.on('message', ({ name, bytes, indexed }: VerifyRequest) => {
  const answer = (): VerifyResponse => {
    try {
      return { report: verifyPack(bytes, { name, indexed, sealer }) }
    } catch (error) {
      return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }
    }
  }
  const response = answer()
  // It was handed over, or is a copy.
  release(bytes)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(response)
})
