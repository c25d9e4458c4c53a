import { isAppError } from '@nixen/core'
import { compress, decompress } from '../crypto/compression.ts'
import type { Sealer } from '../crypto/seal.ts'
import { damaged } from '../errors.ts'
import { sha256Hex } from '../pack/blob-codec.ts'
import type { FileKind, Storage } from '../storage/storage.ts'

/** Kinds of files that hold one sealed JSON document. */
export type UnpackedKind = Exclude<FileKind, 'data' | 'key'>

/** First byte of a compressed document (restic's design document, "Unpacked Data Format"). JSON begins with `{` or `[`. */
const compressedMark = 2
const maxDocument = 1024 * 1024 * 1024

export interface UnpackedContext {
  readonly storage: Storage
  readonly sealer: Sealer
  readonly version: 1 | 2
}

/** Content of a sealed document. Its name must be the SHA-256 of the file (`config` has no name). Errors: `backup.file_damaged`, storage's. */
export async function loadUnpacked(
  { storage, sealer, version }: UnpackedContext,
  file: { kind: UnpackedKind; name: string },
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Uint8Array> {
  const bytes = await storage.load(file, options)
  if (file.kind !== 'config' && sha256Hex(bytes) !== file.name) {
    throw damaged(file.kind, file.name, 'its content does not have the SHA-256 it is named by')
  }
  const plain = sealer.open(bytes)
  if (!plain) throw damaged(file.kind, file.name, 'its bytes do not match their authentication code')
  if (version < 2 || file.kind === 'config' || plain[0] === 0x7b || plain[0] === 0x5b) return plain
  if (plain[0] !== compressedMark) throw damaged(file.kind, file.name, `it has the unknown encoding ${plain[0]}`)
  const document = decompress(plain.subarray(1), maxDocument)
  if (!document) throw damaged(file.kind, file.name, 'it does not decompress')
  return document
}

/** Seals and saves a document; its name when it is durable. */
export async function saveUnpacked(
  { storage, sealer }: UnpackedContext,
  kind: Exclude<UnpackedKind, 'config'>,
  document: Uint8Array,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const sealed = sealer.seal(withMark(compress(document)))
  const name = sha256Hex(sealed)
  try {
    await storage.save({ kind, name }, [sealed], options)
  } catch (error) {
    // The name is the hash of a fresh nonce: a file of that name is this one, saved by a try whose answer was lost.
    if (!isAppError(error, 'storage.exists')) throw error
  }
  return name
}

function withMark(compressed: Uint8Array): Uint8Array {
  const marked = new Uint8Array(compressed.length + 1)
  marked[0] = compressedMark
  marked.set(compressed, 1)
  return marked
}
