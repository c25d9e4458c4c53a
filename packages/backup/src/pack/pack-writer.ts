import { isAppError } from '@nixen/core'
import { compressBlob } from '../crypto/compression.ts'
import { sealOverhead, type Sealer } from '../crypto/seal.ts'
import { backupErrors } from '../errors.ts'
import type { IndexWriter } from '../index/index-writer.ts'
import type { Storage } from '../storage/storage.ts'
import { openBlob, sha256Hex } from './blob-codec.ts'
import type { BlobLocation, BlobType, PackedBlob } from './blob.ts'
import { headerLength, readHeader, writeHeader } from './pack-header.ts'

/** Packs are closed when they are this long: what restic does as well. */
export const defaultPackSize: number = 16 * 1024 * 1024

/** What fits in the 32-bit offsets of an index. */
const maxPack = 0xffff_0000

export interface PackWriterOptions {
  readonly storage: Storage
  readonly sealer: Sealer
  /** Gets every pack when it is durable. */
  readonly index: IndexWriter
  readonly targetSize?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Writes packs on the calling thread: for trees, small files, copies, and what prune keeps. Disks go through worker threads. One writer makes
 * packs of one kind: data and trees are never mixed, as restic does, so that metadata can be cached.
 */
export class PackWriter {
  readonly #options: PackWriterOptions
  #type: BlobType = 'data'
  #parts: Uint8Array[] = []
  #blobs: PackedBlob[] = []
  #length = 0

  constructor(options: PackWriterOptions) {
    this.#options = options
  }

  /** Packs `content` under its `id` (SHA-256). Verified before it counts: what was sealed is opened again and compared with the id. */
  async add(type: BlobType, id: string, content: Uint8Array): Promise<void> {
    const compressed = compressBlob(content)
    const sealed = this.#options.sealer.seal(compressed ?? content)
    await this.addSealed({ type, id, ...(compressed ? { uncompressedLength: content.length } : {}) }, sealed)
  }

  /** Packs bytes that are sealed already with this repository's key, after opening them. */
  async addSealed(
    blob: Pick<BlobLocation, 'type' | 'id' | 'uncompressedLength'>,
    sealed: Uint8Array,
    { verified = false }: { verified?: boolean } = {},
  ): Promise<void> {
    if (!verified) {
      const opened = openBlob(sealed, blob, this.#options.sealer)
      if ('reason' in opened) throw backupErrors.self_check_failed({ what: `${blob.type} blob ${blob.id}` })
    }
    if (this.#blobs.length > 0 && blob.type !== this.#type) await this.flush()
    if (this.#length + sealed.length > maxPack) await this.flush()
    if (sealed.length > maxPack) throw backupErrors.blob_too_large({ size: sealed.length, limit: maxPack })
    this.#type = blob.type
    this.#parts.push(sealed)
    this.#blobs.push({ ...blob, offset: this.#length, length: sealed.length })
    this.#length += sealed.length
    if (this.#length >= (this.#options.targetSize ?? defaultPackSize)) await this.flush()
  }

  /** Closes and saves the open pack, if any; it is durable afterwards and handed to the index writer. */
  async flush(): Promise<void> {
    if (this.#blobs.length === 0) return
    const [blobs, parts, length] = [this.#blobs, this.#parts, this.#length]
    this.#blobs = []
    this.#parts = []
    this.#length = 0
    const tail = new Uint8Array(headerLength(blobs))
    writeHeader(blobs, this.#options.sealer, tail)
    const bytes = join([...parts, tail], length + tail.length)
    const { storage, sealer, index, signal } = this.#options
    const read = readHeader(bytes.subarray(length), bytes.length, sealer)
    if (!('blobs' in read)) throw backupErrors.self_check_failed({ what: 'The header of a pack' })
    const id = sha256Hex(bytes)
    await savePack(storage, id, bytes, signal)
    await index.add({ id, blobs })
  }
}

/** Saves a pack. One that exists has the same content, since its name is its hash. */
export async function savePack(
  storage: Storage,
  id: string,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await storage.save({ kind: 'data', name: id }, [bytes], { signal })
  } catch (error) {
    if (!isAppError(error, 'storage.exists')) throw error
  }
}

/** Length of the sealed form of `length` plain bytes that are not compressed. */
export function sealedLength(length: number): number {
  return length + sealOverhead
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = Buffer.allocUnsafe(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
