import { parentPort, workerData } from 'node:worker_threads'
import { release } from '../crypto/memory.ts'
import { Sealer } from '../crypto/seal.ts'
import { openBlob, openBlobInto } from '../pack/blob-codec.ts'
import type { DecodeAnswer, DecodeBlob, DecodeRequest, DecodeSetup } from './decode-protocol.ts'

// A worker thread of a restore or check: opens, decompresses and verifies blobs.

// Started by DecodePool only, with these data.
const sealer = new Sealer((workerData as DecodeSetup).key)

function decode(blob: DecodeBlob, { sealed, output }: DecodeRequest): string | undefined {
  const bytes = sealed.subarray(blob.offset, blob.offset + blob.length)
  // What is not compressed is decrypted where it belongs, and checked there: nobody looks at the output of a blob that failed.
  if (blob.uncompressedLength === undefined)
    return openBlobInto(bytes, output.subarray(blob.to), { id: blob.id, sealer })
  const opened = openBlob(bytes, blob, sealer)
  if ('reason' in opened) return opened.reason
  output.set(opened.content, blob.to)
  release(opened.content)
  return undefined
}

parentPort?.on('message', (request: DecodeRequest) => {
  const answer: DecodeAnswer = {
    number: request.number,
    reasons: request.blobs.map((blob) => decode(blob, request)),
  }
  // It was handed over, or is a copy.
  release(request.sealed)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(answer)
})
