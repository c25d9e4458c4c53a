import { MiB } from '@nixen/core'
import { sha256 } from '../pack/blob-codec.ts'
import type { PackWriter } from '../pack/pack-writer.ts'
import type { Repository } from '../repository/repository.ts'
import { ContentList } from '../tree/content-list.ts'

const pieceSize = MiB

/** Stores a file that is not a disk, in pieces of 1 MiB; its content list and size. For what is small, or comes as a stream. */
export async function storeFile(
  { repository, packs }: { repository: Repository; packs: PackWriter },
  content: Uint8Array | AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<{ content: ContentList; size: number }> {
  const list = new ContentList()
  const fresh = new Set<string>()
  let size = 0
  for await (const piece of pieces(content)) {
    signal.throwIfAborted()
    const id = sha256(piece)
    const name = Buffer.from(id).toString('hex')
    list.push(id)
    size += piece.length
    const known = repository.index.find('data', id)
    if ((known >= 0 && repository.index.isPlaced(known)) || fresh.has(name)) continue
    fresh.add(name)
    await packs.add('data', name, piece)
  }
  return { content: list, size }
}

async function* pieces(content: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(pieceSize)
  let filled = 0
  for await (const part of content instanceof Uint8Array ? [content] : content) {
    for (let at = 0; at < part.length;) {
      const take = Math.min(pieceSize - filled, part.length - at)
      piece.set(part.subarray(at, at + take), filled)
      filled += take
      at += take
      if (filled < pieceSize) continue
      yield piece
      filled = 0
    }
  }
  if (filled > 0) yield piece.subarray(0, filled)
}
