import { parentPort, workerData } from 'node:worker_threads'
import { isZeroable, zeroSlot } from '../backup/chunk-grid.ts'
import { BlobIndex } from '../index/blob-index.ts'
import { sha256 } from '../pack/blob-codec.ts'
import { openBatches, ReadFailure, type Batch } from './batches.ts'
import { ChunkPacker } from './chunk-packer.ts'
import { control, type DiskTask, type FromWorker, type ToWorker, type WorkerSetup } from './protocol.ts'

// A worker thread of a backup: takes chunks, tests them for zeros, hashes, looks them up, compresses, seals and packs them. All calls are
// synchronous: there is nothing else for this thread to do, and no buffer crosses a thread.

// Started by ChunkPool only, with these data.
const setup = workerData as WorkerSetup
const controlWords = new Int32Array(setup.control)
const readMemory = new Uint8Array(setup.readMemory)
const zeros = new Uint8Array(4 * 1024 * 1024)

function post(message: FromWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(message)
}

const packer = new ChunkPacker(setup, post)

function work(task: DiskTask): void {
  using batches = openBatches(task, controlWords, readMemory)
  const index = new BlobIndex(task.index)
  const read = new Uint32Array(task.read)
  const slots = new Uint32Array(task.slots)
  for (let batch = batches.next(); batch; batch = batches.next()) {
    for (let i = 0; i < batch.count; i++) {
      const chunk = read[batch.first + i] ?? 0
      const slot = store(index, contentOf(task, batch, { chunk, place: i }))
      if (slot === undefined) return
      slots[chunk] = slot
    }
    Atomics.add(controlWords, control.doneKiB, (batch.count * task.chunkSize) / 1024)
  }
}

function contentOf(task: DiskTask, batch: Batch, { chunk, place }: { chunk: number; place: number }): Uint8Array {
  const at = place * task.chunkSize
  return batch.memory.subarray(at, at + Math.min(task.chunkSize, task.diskSize - chunk * task.chunkSize))
}

/** The slot of a chunk, stored if it is new; `undefined` when the session was aborted. */
function store(index: BlobIndex, content: Uint8Array): number | undefined {
  if (isZeroable(content.length) && Buffer.compare(content, zeros.subarray(0, content.length)) === 0) return zeroSlot
  const id = sha256(content)
  const entry = index.claim(id)
  if (entry < 0) throw new Error('the index is full')
  if (index.claimed && !packer.add(entry, id, content)) return undefined
  return entry
}

parentPort?.on('message', (message: ToWorker) => {
  try {
    if (message.type === 'disk') work(message)
    else packer.close()
    post({ type: 'done' })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    post(
      error instanceof ReadFailure
        ? { type: 'failed', reason, offset: error.offset, length: error.length }
        : { type: 'failed', reason },
    )
  }
})
