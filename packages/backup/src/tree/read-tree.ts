import { createHash } from 'node:crypto'
import { createZstdDecompress } from 'node:zlib'
import { backupErrors } from '../errors.ts'
import type { BlobLocation } from '../pack/blob.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { ContentScanner } from './content-scanner.ts'
import { decodeNodes, type Tree, type TreeNode } from './node.ts'

/** Longer trees are decoded as a stream: their JSON would not fit in a string, or take memory many times. */
const streamFrom = 8 * 1024 * 1024

/**
 * One tree, checked against its id. Content lists of any length: memory is 36 bytes per run of equal blobs.
 *
 * Errors: `backup.blob_missing`, `backup.blob_damaged`, `backup.tree_invalid`, storage's.
 */
export async function loadTree(
  repository: Repository,
  id: string,
  options: SignalOption & { streamFrom?: number } = {},
): Promise<Tree> {
  const place = repository.index.locate('tree', id)
  if (!place) throw backupErrors.blob_missing({ blob: id, type: 'tree' })
  if ((place.uncompressedLength ?? place.length) < (options.streamFrom ?? streamFrom)) {
    return { id, nodes: decodeWhole(id, await repository.loadBlob('tree', id, options)) }
  }
  return { id, nodes: await decodeStream(repository, place, options) }
}

/** A file's node by its path (`/vm.json`, `/dir/file`); `undefined` when there is none. */
export async function findNode(
  repository: Repository,
  root: string,
  path: string,
  options: SignalOption = {},
): Promise<TreeNode | undefined> {
  const parts = path.split('/').filter((part) => part !== '')
  let tree: string | undefined = root
  let found: TreeNode | undefined
  for (const part of parts) {
    if (tree === undefined) return undefined
    const { nodes }: Tree = await loadTree(repository, tree, options)
    found = nodes.find((node) => node.name === part)
    tree = found?.subtree
  }
  return found
}

/** All nodes below a tree, with their paths, parents first. */
export async function* walkTree(
  repository: Repository,
  root: string,
  options: SignalOption & { prefix?: string } = {},
): AsyncGenerator<{ path: string; node: TreeNode }> {
  const { nodes } = await loadTree(repository, root, options)
  for (const node of nodes) {
    options.signal?.throwIfAborted()
    const path = `${options.prefix ?? ''}/${node.name}`
    yield { path, node }
    if (node.subtree) yield* walkTree(repository, node.subtree, { ...options, prefix: path })
  }
}

function decodeWhole(id: string, json: Uint8Array): readonly TreeNode[] {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString('utf8'))
  } catch (error) {
    throw backupErrors.tree_invalid({ tree: id, reason: 'it is not JSON' }, { cause: error })
  }
  return nodesOf(id, decodeNodes(value, undefined))
}

function nodesOf(id: string, decoded: ReturnType<typeof decodeNodes>): readonly TreeNode[] {
  if ('reason' in decoded) throw backupErrors.tree_invalid({ tree: id, reason: decoded.reason })
  return decoded.nodes
}

async function decodeStream(
  repository: Repository,
  place: BlobLocation,
  { signal }: SignalOption,
): Promise<readonly TreeNode[]> {
  const { id, pack, offset, length } = place
  const sealed = await repository.storage.load({ kind: 'data', name: pack }, { signal, offset, length })
  const plain = repository.sealer.open(sealed)
  const fail = (reason: string, cause?: unknown): Error =>
    backupErrors.blob_damaged({ blob: id, pack, reason }, cause ? { cause } : {})
  if (!plain) throw fail('its bytes do not match their authentication code')
  const scanner = new ContentScanner()
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const chunk of place.uncompressedLength === undefined ? [plain] : inflate(plain)) {
      signal?.throwIfAborted()
      size += chunk.length
      if (size > (place.uncompressedLength ?? plain.length)) throw fail('it is longer than it should be')
      hash.update(chunk)
      if (!scanner.push(chunk)) throw backupErrors.tree_invalid({ tree: id, reason: 'a content list holds no ids' })
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof Error && error.name === 'AppError') throw error
    throw fail('it does not decompress', error)
  }
  if (hash.digest('hex') !== id) throw fail('its content does not have the SHA-256 it is named by')
  let value: unknown
  try {
    value = JSON.parse(scanner.rest())
  } catch (error) {
    throw backupErrors.tree_invalid({ tree: id, reason: 'it is not JSON' }, { cause: error })
  }
  return nodesOf(id, decodeNodes(value, scanner.contents))
}

function inflate(frame: Uint8Array): AsyncIterable<Uint8Array> {
  const stream = createZstdDecompress({ chunkSize: 256 * 1024 })
  stream.end(frame)
  // A zstd stream of Node yields buffers.
  return stream as AsyncIterable<Uint8Array>
}
