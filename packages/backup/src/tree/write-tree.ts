import { createHash } from 'node:crypto'
import { userInfo } from 'node:os'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { concatBytes } from '@nixen/core'
import { backupErrors } from '../errors.ts'
import { sealOverhead } from '../crypto/seal.ts'
import type { PackWriter } from '../pack/pack-writer.ts'
import type { Repository } from '../repository/repository.ts'
import { encodeNode, type Owner, type NewTreeNode } from './node.ts'

/** What fits in the 32-bit lengths of a pack header. */
export const maxTreeBlob = 0xffff_0000

const compressFrom = 8 * 1024 * 1024
const textPart = 256 * 1024

/**
 * Packs a tree and returns its id. Nodes are sorted by name, as restic wants. Streams: a tree of a disk of 16 TiB has up to 2 GiB of JSON.
 *
 * Errors: `backup.blob_too_large`, storage's.
 */
export async function writeTree(
  { repository, packs }: { repository: Repository; packs: PackWriter },
  nodes: readonly NewTreeNode[],
  owner: Owner = localOwner(),
): Promise<string> {
  const sorted = [...nodes].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
  const size = estimate(sorted)
  if (size > maxTreeBlob) throw backupErrors.blob_too_large({ size, limit: maxTreeBlob })
  if (size < compressFrom) {
    const json = concatBytes([...encodeTree(sorted, owner)])
    const id = createHash('sha256').update(json).digest('hex')
    if (repository.index.find('tree', Buffer.from(id, 'hex')) < 0) await packs.add('tree', id, json)
    return id
  }
  return writeLargeTree({ repository, packs }, sorted, owner)
}

/** The JSON of a tree in parts, ended by a line feed as Go's encoder does. */
export function* encodeTree(nodes: readonly NewTreeNode[], owner: Owner): Generator<Uint8Array> {
  let text = '{"nodes":['
  for (const [number, node] of nodes.entries()) {
    const { before, after } = encodeNode(node, owner)
    text += (number > 0 ? ',' : '') + before
    let separator = ''
    for (const { id, count } of node.content?.runs() ?? []) {
      const entry = `${separator}"${Buffer.from(id.buffer, id.byteOffset, 32).toString('hex')}"`
      separator = ','
      text += entry
      if (count > 1) {
        yield Buffer.from(text, 'utf8')
        yield* repeated(entry.startsWith(',') ? entry : `,${entry}`, count - 1)
        text = ''
      } else if (text.length >= textPart) {
        yield Buffer.from(text, 'utf8')
        text = ''
      }
    }
    text += after
  }
  yield Buffer.from(`${text}]}\n`, 'utf8')
}

/** `text` many times, in parts of one memory: a disk that is mostly empty repeats the zero blob millions of times. */
function* repeated(text: string, count: number): Generator<Uint8Array> {
  const perPart = Math.max(1, Math.min(count, Math.floor(textPart / text.length)))
  const part = Buffer.alloc(perPart * text.length, text)
  for (let left = count; left > 0; left -= perPart) {
    yield left >= perPart ? part : part.subarray(0, left * text.length)
  }
}

async function writeLargeTree(
  { repository, packs }: { repository: Repository; packs: PackWriter },
  sorted: readonly NewTreeNode[],
  owner: Owner,
): Promise<string> {
  const hash = createHash('sha256')
  let length = 0
  const compressed: Uint8Array[] = []
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } })
  const done = (async () => {
    // A zstd stream of Node yields buffers.
    for await (const part of stream as AsyncIterable<Uint8Array>) compressed.push(part)
  })()
  for (const part of encodeTree(sorted, owner)) {
    hash.update(part)
    length += part.length
    if (!stream.write(part)) await new Promise((resolve) => stream.once('drain', resolve))
  }
  stream.end()
  await done
  const id = hash.digest('hex')
  if (repository.index.find('tree', Buffer.from(id, 'hex')) >= 0) return id
  const plain = concatBytes(compressed.splice(0))
  const sealed = new Uint8Array(plain.length + sealOverhead)
  repository.sealer.sealInto(plain, sealed)
  await verifyLarge(repository, { sealed, id, length })
  await packs.addSealed({ type: 'tree', id, uncompressedLength: length }, sealed, { verified: true })
  return id
}

/** The check that small trees get from the pack writer, streamed. */
async function verifyLarge(
  repository: Repository,
  { sealed, id, length }: { sealed: Uint8Array; id: string; length: number },
): Promise<void> {
  const opened = repository.sealer.open(sealed)
  const hash = createHash('sha256')
  let size = 0
  if (opened) {
    const stream = createZstdDecompress({ chunkSize: textPart })
    stream.end(opened)
    // A zstd stream of Node yields buffers.
    for await (const part of stream as AsyncIterable<Uint8Array>) {
      hash.update(part)
      size += part.length
    }
  }
  if (size !== length || hash.digest('hex') !== id) throw backupErrors.self_check_failed({ what: `Tree ${id}` })
}

/** An id takes 67 bytes of JSON, a node less than 1 KiB beside them. */
function estimate(nodes: readonly NewTreeNode[]): number {
  return nodes.reduce((sum, node) => sum + 1024 + node.name.length * 6 + 67 * (node.content?.length ?? 0), 16)
}

/** The user who runs this. */
export function localOwner(): Owner {
  let user = 'root'
  try {
    user = userInfo().username
  } catch {
    // A container without an entry for this user.
  }
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, user }
}
