import { parentPort, workerData } from 'node:worker_threads'
import { Sealer } from '../crypto/seal.ts'
import { openBlob } from '../pack/blob-codec.ts'
import type { DecodeAnswer, DecodeBlob, DecodeRequest, DecodeSetup } from './decode-protocol.ts'

// A worker thread of a restore or check: opens, decompresses and verifies blobs.

// Started by DecodePool only, with these data.
const sealer = new Sealer((workerData as DecodeSetup).key)

function decode(blob: DecodeBlob, { sealed, output }: DecodeRequest): string | undefined {
  const opened = openBlob(sealed.subarray(blob.offset, blob.offset + blob.length), blob, sealer)
  if ('reason' in opened) return opened.reason
  output.set(opened.content, blob.to)
  return undefined
}

parentPort?.on('message', (request: DecodeRequest) => {
  const answer: DecodeAnswer = {
    number: request.number,
    reasons: request.blobs.map((blob) => decode(blob, request)),
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(answer)
})
