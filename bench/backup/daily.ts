// Thirty daily restore points of a virtual disk of 1 TiB, of which one is forgotten and pruned. Prints JSON. Arguments: directory, allocated MiB.
import { createCipheriv } from 'node:crypto'
import {
  backupDisks,
  executeForget,
  listSnapshots,
  LocalStorage,
  prune,
  Repository,
  type PrunePlan,
} from '@nixen/backup'
import { MiB, TiB } from '@nixen/core'
import type { DiskSource, Extent } from '@nixen/disk'

const [, , directory = '', allocated = '1024'] = process.argv
const chunks = Number(allocated)
const days = 30
/** One chunk of a hundred changes each day, in runs of four. */
const changedRuns = Math.max(1, Math.round(chunks / 400))

/** Which day each chunk was last written. */
const written = new Uint8Array(chunks)
const key = Buffer.alloc(32, 7)

const disk: DiskSource = {
  size: TiB,
  async *extents(): AsyncGenerator<Extent> {
    yield { offset: 0, length: chunks * MiB, kind: 'data' }
    yield { offset: chunks * MiB, length: TiB - chunks * MiB, kind: 'zero' }
  },
  async read(offset, into) {
    for (let at = 0; at < into.length; at += MiB) {
      const chunk = Math.floor((offset + at) / MiB)
      const nonce = Buffer.alloc(16)
      nonce.writeUInt32LE(chunk, 0)
      nonce.writeUInt32LE(written[chunk] ?? 0, 4)
      const piece = into.subarray(at, at + MiB)
      // Half of each chunk is text, half cannot be compressed.
      piece.fill(`chunk ${chunk} of day ${written[chunk]}. `.charCodeAt(6 + (chunk % 3)))
      piece.set(createCipheriv('aes-256-ctr', key, nonce).update(Buffer.alloc(piece.length >> 1)))
    }
  },
  async [Symbol.asyncDispose]() {
    // Nothing is open.
  },
}

const repository = await Repository.init(new LocalStorage(directory), { password: 'bench' })
let parent: string | undefined
for (let day = 0; day < days; day++) {
  const extents: Extent[] = []
  const runs = day === 0 ? 0 : changedRuns
  for (let run = 0; run < runs; run++) {
    const first = Math.floor(((run + ((day * 37) % 100) / 100) * chunks) / changedRuns)
    const length = Math.min(4, chunks - first)
    written.fill(day, first, first + length)
    extents.push({ offset: first * MiB, length: length * MiB, kind: 'data' })
  }
  const changed = parent === undefined ? undefined : { parent, extents }
  const disks = [{ name: 'disk', source: disk, changed }]
  const { snapshot } = await backupDisks(repository, { host: 'vm', vm: {}, disks, time: Date.UTC(2026, 0, 1 + day) })
  parent = snapshot.id
}
const snapshots = await listSnapshots(repository)
const point = snapshots[days >> 1]
if (!point) throw new Error('no restore point to forget')
const started = performance.now()
const cpu = process.cpuUsage()
await executeForget(repository, { keep: [], forget: [{ point, group: 'vm', because: [] }] })
let plan: PrunePlan | undefined
await prune(repository, { onPlan: (made) => void (plan = made) })
const { user, system } = process.cpuUsage(cpu)
console.log(
  JSON.stringify({
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: (user + system) / 1e6,
    removed: plan?.remove.length,
    repacked: plan?.repack.length,
    peakKiB: process.resourceUsage().maxRSS,
  }),
)
