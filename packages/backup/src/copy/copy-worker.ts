import { parentPort, workerData } from 'node:worker_threads'
import { Sealer, type MasterKey } from '../crypto/seal.ts'
import { reseal, type Resealed, type SealedPart } from './reseal.ts'

/** What the pool sends, and the answer to it. */
export interface CopyRequest {
  readonly number: number
  readonly part: SealedPart
}
export type CopyResponse =
  | { readonly number: number; readonly results: readonly Resealed[] }
  | { readonly number: number; readonly failure: string }

// The pool that starts this thread hands over exactly this.
const keys = workerData as { readonly from: MasterKey; readonly to: MasterKey }
const sealers = { from: new Sealer(keys.from), to: new Sealer(keys.to) }

parentPort?.on('message', ({ number, part }: CopyRequest) => {
  try {
    const results = reseal(part, sealers)
    const memory = results.flatMap((one) =>
      'sealed' in one && one.sealed.buffer instanceof ArrayBuffer ? [one.sealed] : [],
    )
    // Only what has its memory for itself can be given away.
    const own = memory.flatMap(({ buffer, byteLength }) =>
      buffer.byteLength === byteLength ? [buffer as ArrayBuffer] : [],
    )
    post({ number, results }, own)
  } catch (error) {
    post({ number, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
})

function post(response: CopyResponse, memory: ArrayBuffer[] = []): void {
  parentPort?.postMessage(response, memory)
}
