import { bitRuns, type Extent } from '@nixen/disk'
import { blockSize, sectorSize, type Layer } from './layer.ts'

/** Fills `into` from `offset` of the disk that `chain` makes, the leaf first. What no layer holds is zeros. */
export async function readChain(chain: readonly Layer[], offset: number, into: Uint8Array): Promise<void> {
  const reads: Promise<void>[] = []
  for (let done = 0; done < into.length;) {
    const block = Math.floor((offset + done) / blockSize)
    const start = (offset + done) % blockSize
    const part = into.subarray(done, done + blockSize - start)
    reads.push(readBlock(chain, 0, { block, start, into: part }))
    done += part.length
  }
  await (reads.length === 1 ? reads[0] : Promise.all(reads))
}

interface Piece {
  readonly block: number
  readonly start: number
  readonly into: Uint8Array
}

async function readBlock(chain: readonly Layer[], from: number, piece: Piece): Promise<void> {
  const { block, start, into } = piece
  const depth = chain.findIndex((candidate, index) => index >= from && candidate.has(block))
  const layer = chain[depth]
  if (!layer) return void into.fill(0)
  // A parent may be smaller than the disk on it.
  const within = Math.min(into.length, layer.size - block * blockSize - start)
  if (within <= 0) return void into.fill(0)
  if (within < into.length) into.fill(0, within)
  await readLayer(chain, depth, { block, start, into: into.subarray(0, within) })
}

async function readLayer(chain: readonly Layer[], depth: number, { block, start, into }: Piece): Promise<void> {
  const layer = chain[depth]
  const map = await layer?.map(block)
  if (!layer || !map) return await readBlock(chain, depth + 1, { block, start, into })
  if (map === 'all') return await layer.read(block, start, into)
  const end = start + into.length
  const reads: Promise<void>[] = []
  for (const run of bitRuns(map, Math.floor(start / sectorSize), Math.ceil(end / sectorSize))) {
    const first = Math.max(run.start * sectorSize, start)
    const part = into.subarray(first - start, Math.min(run.end * sectorSize, end) - start)
    reads.push(
      run.set ? layer.read(block, first, part) : readBlock(chain, depth + 1, { block, start: first, into: part }),
    )
  }
  await Promise.all(reads)
}

/** The sectors of a block that any layer of the chain holds. */
export async function unionMap(chain: readonly Layer[], block: number): Promise<'all' | Uint8Array | undefined> {
  let union: Uint8Array | undefined
  for (const layer of chain) {
    const map = layer.has(block) ? await layer.map(block) : undefined
    if (map === 'all') return 'all'
    if (!map) continue
    if (!union) union = map.slice()
    else for (let i = 0; i < union.length; i++) union[i] = (union[i] ?? 0) | (map[i] ?? 0)
  }
  return union
}

/** The sectors that any of these layers holds, within a disk of `size` bytes. */
export async function* changedExtents(
  layers: readonly Layer[],
  size: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Extent> {
  for (let block = 0; block * blockSize < size; block++) {
    signal?.throwIfAborted()
    const map = await unionMap(layers, block)
    if (map === undefined) continue
    const offset = block * blockSize
    const length = Math.min(blockSize, size - offset)
    if (map === 'all') yield { offset, length, kind: 'data' }
    else {
      for (const { start, end, set } of bitRuns(map, 0, length / sectorSize)) {
        if (set) yield { offset: offset + start * sectorSize, length: (end - start) * sectorSize, kind: 'data' }
      }
    }
  }
}
