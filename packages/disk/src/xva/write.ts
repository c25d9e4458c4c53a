import { concatBytes, type ByteStream } from '@nixen/core'
import { orderedChunks } from '../convert/ordered-chunks.ts'
import type { DiskSource, IoOptions } from '../disk-source.ts'
import { compress, type StreamCompression } from '../tar/compression.ts'
import { tarEnd, tarHeader, tarPadding } from '../tar/write.ts'
import { allZero } from '../zero-runs.ts'
import { checksumFunction, checksumSuffix, type ChecksumOf, type XvaChecksum } from './checksum.ts'
import { chunkName, xvaChunkSize } from './chunk-name.ts'
import { compareRefs } from './ova-xml.ts'

/** A disk to put into an XVA. */
export interface XvaSource {
  /** As in ova.xml: `Ref:n`. */
  readonly ref: string
  readonly source: DiskSource
}

export interface WriteXvaOptions extends IoOptions {
  /** Text of ova.xml; it must describe every disk under its ref. */
  readonly ovaXml: string
  readonly disks: readonly XvaSource[]
  /** `sha1` for XAPI before XCP-ng and XenServer 8.1; `xxhash` when left out. */
  readonly checksum?: XvaChecksum | undefined
  readonly compression?: StreamCompression | undefined
}

/** Writes an XVA as a stream that XAPI imports; memory is constant. Each part is fresh memory. */
export function writeXva(options: WriteXvaOptions): ByteStream {
  return compress(plainXva(options), options.compression ?? 'none')
}

async function* plainXva({ ovaXml, disks, checksum = 'xxhash', signal }: WriteXvaOptions): AsyncGenerator<Uint8Array> {
  const text = new TextEncoder().encode(ovaXml)
  yield concatBytes([tarHeader({ name: 'ova.xml', size: text.length }), text, tarPadding(text.length)])
  const format = { checksum, checksumOf: await checksumFunction(checksum) }
  for (const { ref, source } of disks.toSorted((a, b) => compareRefs(a.ref, b.ref))) {
    yield* diskChunks(ref, source, { ...format, signal })
  }
  yield tarEnd.slice()
}

/** The chunks of one disk: those with data, and always the first and the last, from which the reader learns the size. */
async function* diskChunks(
  ref: string,
  source: DiskSource,
  options: { checksum: XvaChecksum; checksumOf: ChecksumOf } & IoOptions,
): AsyncGenerator<Uint8Array> {
  const last = Math.max(0, Math.ceil(source.size / xvaChunkSize) - 1)
  const zeros = new Uint8Array(Math.min(xvaChunkSize, source.size))
  const lengthOf = (number: number): number => Math.min(xvaChunkSize, source.size - number * xvaChunkSize)
  if (source.size === 0) yield encodeChunk(chunkName(ref, 0), zeros, options)
  for await (const { chunk, bytes } of orderedChunks(source, { size: xvaChunkSize, signal: options.signal })) {
    const first = chunk.offset / xvaChunkSize
    if (bytes && (first === 0 || first === last || !allZero(bytes))) {
      yield encodeChunk(chunkName(ref, first), bytes, options)
      continue
    }
    const end = Math.ceil((chunk.offset + chunk.length) / xvaChunkSize)
    for (const number of new Set([0, last])) {
      if (number < first || number >= end) continue
      yield encodeChunk(chunkName(ref, number), zeros.subarray(0, lengthOf(number)), options)
    }
  }
}

/** A chunk with its checksum in one piece: two headers, the data and what pads them. */
function encodeChunk(
  name: string,
  bytes: Uint8Array,
  { checksum, checksumOf }: { checksum: XvaChecksum; checksumOf: ChecksumOf },
): Uint8Array {
  const text = new TextEncoder().encode(checksumOf(bytes))
  return concatBytes([
    tarHeader({ name, size: bytes.length }),
    bytes,
    tarPadding(bytes.length),
    tarHeader({ name: `${name}${checksumSuffix[checksum]}`, size: text.length }),
    text,
    tarPadding(text.length),
  ])
}
