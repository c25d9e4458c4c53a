import { viewOf } from '@nixen/core'
import { allocationOf, type AllocationMap } from '../allocation.ts'
import { orderedChunks } from '../convert/ordered-chunks.ts'
import type { DiskSource } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import type { EncodedStream, EncodeOptions } from '../format.ts'
import { EntryTable } from './entries.ts'
import { encodeHeader } from './header.ts'
import { planQcow2, type Qcow2Plan } from './qcow2-sink.ts'

/**
 * A qcow2 as a stream: all tables first, computed from where the source has data, then the clusters in the order of the disk. Takes one
 * bit of memory for each cluster of the disk. Compression would need the lengths before the data: `disk.not_possible`.
 */
export async function encodeQcow2(source: DiskSource, options: EncodeOptions = {}): Promise<EncodedStream> {
  const { since, scan, signal, settings } = options
  const plan = planQcow2(source.size, settings)
  if (plan.compression !== 'none')
    throw diskErrors.not_possible({ format: 'qcow2', operation: 'stream compressed clusters' })
  if (since !== undefined) throw diskErrors.not_possible({ format: 'qcow2', operation: 'stream only changes' })
  const allocated = await allocationOf(source, { unit: plan.clusterSize, scan, signal })
  const layout = layOut(plan, allocated)
  return { length: layout.clusters * plan.clusterSize, bytes: encode({ source, plan, allocated, layout }, options) }
}

/** How many clusters each part takes; they follow each other in this order. */
interface Layout {
  readonly refcountTable: number
  readonly refcountBlocks: number
  readonly l1: number
  readonly l2: number
  readonly data: number
  /** All, with the header. */
  readonly clusters: number
}

function layOut(plan: Qcow2Plan, allocated: AllocationMap): Layout {
  const perTable = plan.clusterSize / 8
  let l2 = 0
  let data = 0
  let last = -1
  for (const cluster of allocated) {
    data++
    const table = Math.floor(cluster / perTable)
    if (table !== last) l2++
    last = table
  }
  // Reference counts count themselves: a few rounds until they fit.
  let refcountTable = 1
  let refcountBlocks = 1
  for (;;) {
    const clusters = 1 + refcountTable + refcountBlocks + plan.l1Clusters + l2 + data
    const blocks = Math.ceil(clusters / (plan.clusterSize / 2))
    const tables = Math.ceil((blocks * 8) / plan.clusterSize)
    if (blocks <= refcountBlocks && tables <= refcountTable) {
      return { refcountTable, refcountBlocks, l1: plan.l1Clusters, l2, data, clusters }
    }
    refcountBlocks = Math.max(blocks, refcountBlocks)
    refcountTable = Math.max(tables, refcountTable)
  }
}

interface Encoding {
  readonly source: DiskSource
  readonly plan: Qcow2Plan
  readonly allocated: AllocationMap
  readonly layout: Layout
}

async function* encode(
  { source, plan, allocated, layout }: Encoding,
  options: EncodeOptions,
): AsyncGenerator<Uint8Array> {
  const { clusterSize } = plan
  const l1At = 1 + layout.refcountTable + layout.refcountBlocks
  const l2At = l1At + layout.l1
  const header = new Uint8Array(clusterSize)
  header.set(
    encodeHeader({
      size: plan.size,
      clusterBits: plan.clusterBits,
      l1Size: plan.l1Size,
      l1Offset: l1At * clusterSize,
      refcountTableOffset: clusterSize,
      refcountTableClusters: layout.refcountTable,
      compression: 'zlib',
    }),
  )
  yield header
  yield* encodeRefcounts(plan, layout)
  yield encodeL1({ plan, allocated, layout }, l2At)
  yield* encodeL2({ plan, allocated }, l2At + layout.l2)
  const { size } = source
  // Exactly the clusters of the tables, whatever the source says this time.
  const fixed: DiskSource = {
    size,
    extents: () => allocatedClusters(allocated, size),
    read: (offset, into, io) => source.read(offset, into, io),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  for await (const { chunk, bytes } of orderedChunks(fixed, { signal: options.signal, keep: true })) {
    for (const { offset, length } of bytes ? chunk.data : []) {
      if (bytes) yield bytes.subarray(offset - chunk.offset, offset - chunk.offset + length)
    }
  }
  // The last cluster is whole even when the disk ends within it.
  if (size % clusterSize !== 0 && allocated.has(allocated.units - 1))
    yield new Uint8Array(clusterSize - (size % clusterSize))
}

async function* allocatedClusters(
  allocated: AllocationMap,
  size: number,
): AsyncGenerator<{ offset: number; length: number; kind: 'data' }> {
  for (const cluster of allocated) {
    const offset = cluster * allocated.unit
    yield { offset, length: Math.min(allocated.unit, size - offset), kind: 'data' }
  }
}

/** The table of reference counts, and blocks that say 1 for every cluster of the file. */
function* encodeRefcounts({ clusterSize }: Qcow2Plan, layout: Layout): Generator<Uint8Array> {
  const table = new Uint8Array(layout.refcountTable * clusterSize)
  const view = viewOf(table)
  for (let index = 0; index < layout.refcountBlocks; index++) {
    view.setBigUint64(index * 8, BigInt((1 + layout.refcountTable + index) * clusterSize))
  }
  yield table
  const perBlock = clusterSize / 2
  for (let index = 0; index < layout.refcountBlocks; index++) {
    const block = new Uint8Array(clusterSize)
    const used = Math.min(perBlock, layout.clusters - index * perBlock)
    for (let i = 0; i < used; i++) block[i * 2 + 1] = 1
    yield block
  }
}

function encodeL1({ plan, allocated, layout }: Omit<Encoding, 'source'>, l2At: number): Uint8Array {
  const l1 = new EntryTable(new Uint8Array(layout.l1 * plan.clusterSize))
  let next = l2At
  let last = -1
  for (const cluster of allocated) {
    const index = Math.floor(cluster / (plan.clusterSize / 8))
    if (index !== last) l1.setCopied(index, next++ * plan.clusterSize)
    last = index
  }
  return l1.bytes
}

function* encodeL2({ plan, allocated }: Pick<Encoding, 'plan' | 'allocated'>, dataAt: number): Generator<Uint8Array> {
  const { clusterSize } = plan
  let table: { number: number; entries: EntryTable } | undefined
  let next = dataAt
  for (const cluster of allocated) {
    const number = Math.floor(cluster / (clusterSize / 8))
    if (table?.number !== number) {
      if (table) yield table.entries.bytes
      table = { number, entries: new EntryTable(new Uint8Array(clusterSize)) }
    }
    table.entries.setCopied(cluster % (clusterSize / 8), next++ * clusterSize)
  }
  if (table) yield table.entries.bytes
}
