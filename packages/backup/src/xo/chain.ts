import { isAppError } from '@nixen/core'
import type { DiskSource, Extent, ExtentOptions } from '@nixen/disk'
import { xoErrors } from './errors.ts'
import { openLayer, type LayerRange, type XoLayer } from './layer.ts'
import type { MergeState } from './merge-state.ts'
import type { XoStore } from './xo-store.ts'

/** Images of one chain that are followed. */
const mostLayers = 2000

/** A disk of a backup with all that it builds on. */
export interface XoDisk extends DiskSource {
  /** Names of its images, the newest first. */
  readonly chain: readonly string[]
  /** What changed after the image `name` of the chain: the ranges of those above it. */
  changesSince(name: string): readonly Extent[]
}

/** Opens a disk by the name of its newest image. @throws xo.chain_broken, missing, damaged, outside */
export async function openChain(store: XoStore, name: string, merges: readonly MergeState[] = []): Promise<XoDisk> {
  const merge = merges.find(({ chain }) => chain.includes(name))
  // Also when only the names were left to change: it holds what the later backup should.
  if (merge && merge.chain.at(-1) !== name) {
    throw xoErrors.chain_broken({
      disk: name,
      what: 'it was being merged into the next backup, which was interrupted; the next backup holds what it should',
    })
  }
  const layers: XoLayer[] = []
  try {
    const seen = new Set<string>()
    let expected: string | undefined
    for (let next: string | undefined = name; next !== undefined;) {
      if (seen.has(next) || layers.length >= mostLayers)
        throw xoErrors.chain_broken({ disk: name, what: 'it is a loop' })
      seen.add(next)
      const { layer, standsIn } = await openPart(store, next, { merges, disk: name })
      layers.push(layer)
      if (expected !== undefined && !standsIn && layer.uuid !== expected) {
        throw xoErrors.chain_broken({ disk: name, what: `${next} is another image than the one that is built on` })
      }
      expected = layer.parent?.uuid
      next = await parentOf(store, layer, name)
    }
    return new ChainDisk(layers)
  } catch (error) {
    for (const layer of layers) await layer[Symbol.asyncDispose]()
    throw error
  }
}

async function openPart(
  store: XoStore,
  name: string,
  { merges, disk }: { merges: readonly MergeState[]; disk: string },
): Promise<{ layer: XoLayer; standsIn: boolean }> {
  const merge = merges.find(({ chain }) => chain.includes(name))
  try {
    // Blocks are moved one by one while images are merged: lists of blocks are behind, files are not.
    return { layer: await openLayer(store, name, { byFiles: merge !== undefined }), standsIn: false }
  } catch (error) {
    // After the blocks were moved the first image gets the name of the last: it stands in where that was not done yet.
    const [first] = merge?.chain ?? []
    if (merge?.step === 'cleanup' && first !== undefined && first !== name && isAppError(error, 'xo.missing')) {
      return { layer: await openLayer(store, first, { byFiles: true }), standsIn: true }
    }
    if (name === disk || !isAppError(error, 'xo.missing')) throw error
    throw xoErrors.chain_broken({ disk, what: `it builds on ${name}, which is not there` }, { cause: error })
  }
}

/** Name of what an image builds on: of several the first that is there. */
async function parentOf(store: XoStore, { name, parent }: XoLayer, disk: string): Promise<string | undefined> {
  if (!parent) return undefined
  const [first] = parent.names
  if (first === undefined) throw xoErrors.chain_broken({ disk, what: `${name} does not say what it builds on` })
  for (const reference of parent.names) {
    const next = store.resolve(name, reference)
    if (await store.exists(next)) return next
  }
  return store.resolve(name, first)
}

interface Piece extends LayerRange {
  readonly layer: XoLayer
}

class ChainDisk implements XoDisk {
  readonly size: number
  readonly chain: readonly string[]
  readonly #layers: readonly XoLayer[]
  readonly #pieces: readonly Piece[]

  constructor(layers: readonly XoLayer[]) {
    this.#layers = layers
    this.size = layers[0]?.size ?? 0
    this.chain = layers.map(({ name }) => name)
    this.#pieces = newestOf(layers, this.size)
  }

  async *extents(_options?: ExtentOptions): AsyncGenerator<Extent> {
    let at = 0
    for (const { offset, length } of joined(this.#pieces)) {
      if (offset > at) yield { offset: at, length: offset - at, kind: 'zero' }
      yield { offset, length, kind: 'data' }
      at = offset + length
    }
    if (at < this.size) yield { offset: at, length: this.size - at, kind: 'zero' }
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    if (offset < 0 || offset + into.length > this.size) throw new RangeError('beyond the end of the disk')
    const end = offset + into.length
    into.fill(0)
    const reads: Promise<void>[] = []
    for (let index = this.#after(offset); index < this.#pieces.length; index++) {
      const piece = this.#pieces[index]
      if (!piece || piece.offset >= end) break
      const from = Math.max(offset, piece.offset)
      const to = Math.min(end, piece.offset + piece.length)
      reads.push(piece.layer.read(from, into.subarray(from - offset, to - offset)))
    }
    await Promise.all(reads)
  }

  changesSince(name: string): readonly Extent[] {
    const above = this.chain.indexOf(name)
    const layers = above < 0 ? this.#layers : this.#layers.slice(0, above)
    return Array.from(joined(newestOf(layers, this.size)), ({ offset, length }) => ({ offset, length, kind: 'data' }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const layer of this.#layers) await layer[Symbol.asyncDispose]()
  }

  /** Index of the first piece that ends after `offset`. */
  #after(offset: number): number {
    let [low, high] = [0, this.#pieces.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const piece = this.#pieces[middle]
      if (piece && piece.offset + piece.length <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** For each byte the newest image that holds it. */
function newestOf(layers: readonly XoLayer[], size: number): Piece[] {
  let pieces: Piece[] = []
  for (const layer of layers) pieces = under(pieces, layer, size)
  return pieces
}

/** Adds what an older image holds where the newer ones hold nothing. Both lists are ascending. */
function under(pieces: readonly Piece[], layer: XoLayer, size: number): Piece[] {
  const merged: Piece[] = []
  let next = 0
  for (const { offset, length } of layer.ranges) {
    let at = offset
    const end = Math.min(offset + length, size)
    for (let piece = pieces[next]; piece && piece.offset < end; piece = pieces[next]) {
      if (piece.offset > at) merged.push({ offset: at, length: piece.offset - at, layer })
      at = Math.max(at, piece.offset + piece.length)
      // It may reach into the next range.
      if (piece.offset + piece.length > end) break
      merged.push(piece)
      next++
    }
    if (at < end) merged.push({ offset: at, length: end - at, layer })
  }
  merged.push(...pieces.slice(next))
  return merged.sort((a, b) => a.offset - b.offset)
}

function* joined(pieces: Iterable<LayerRange>): Generator<LayerRange> {
  let open: { offset: number; length: number } | undefined
  for (const { offset, length } of pieces) {
    if (open && open.offset + open.length === offset) open.length += length
    else {
      if (open) yield open
      open = { offset, length }
    }
  }
  if (open) yield open
}
