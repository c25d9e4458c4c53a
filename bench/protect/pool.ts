// A pool of simulated hosts in a process of its own, with images in its machines. Writes into them when it is told to.
import { open } from 'node:fs/promises'
import { startToolstack } from '@nixen/toolstack'

/** How the pool is made: on the command line, as JSON. */
export interface PoolSpec {
  readonly vms: number
  readonly dataDir?: string
  /** Images of machines; the names of machines come from the seed. */
  readonly images: readonly { readonly vm: string; readonly path: string }[]
}

/** The guest writes the bytes of a file at these places into its first disk. */
export interface WriteOrder {
  readonly vm: string
  readonly from: string
  readonly ranges: readonly { readonly offset: number; readonly length: number }[]
}

// Written by the benchmark.
const spec = JSON.parse(process.argv[2] ?? '{}') as PoolSpec
const toolstack = await startToolstack({
  hosts: 2,
  vms: spec.vms,
  seed: 7,
  images: spec.images,
  ...(spec.dataDir === undefined ? {} : { dataDir: spec.dataDir }),
  waits: false,
  loginDelay: false,
  debugPort: 0,
})

process.on('message', (order) => void write(order as WriteOrder))
process.on('disconnect', () => void toolstack[Symbol.asyncDispose]().then(() => process.exit(0)))
process.send?.({ url: toolstack.url, fingerprint: toolstack.fingerprint })

async function write({ vm, from, ranges }: WriteOrder): Promise<void> {
  await using file = await open(from)
  for (const { offset, length } of ranges) {
    const { buffer } = await file.read({ buffer: Buffer.alloc(length), position: offset })
    const url = `${toolstack.pools[0]?.debugUrl}/vms/${vm}/disks/0?offset=${offset}`
    const answer = await fetch(url, { method: 'PUT', body: buffer })
    if (!answer.ok) throw new Error(await answer.text())
  }
  process.send?.({ written: true })
}
