import { bitRuns } from '@nixen/disk'
import { blockSize, sectorSize, type Layer } from './layer.ts'

/** Copies what `from` holds of a block into `into`, sector by sector as its bitmap says. */
export async function mergeBlock(from: Layer, into: Layer, block: number, buffer: Uint8Array): Promise<void> {
  const map = await from.map(block)
  if (!map) return
  const length = Math.min(blockSize, from.size - block * blockSize)
  const runs =
    map === 'all' ? [{ start: 0, end: length / sectorSize, set: true }] : bitRuns(map, 0, length / sectorSize)
  for (const { start, end, set } of runs) {
    if (!set) continue
    const bytes = buffer.subarray(0, (end - start) * sectorSize)
    await from.read(block, start * sectorSize, bytes)
    await into.write(block, start * sectorSize, bytes)
  }
}
