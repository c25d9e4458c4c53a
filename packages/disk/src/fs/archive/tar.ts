import { tarEnd, tarHeader, tarPadding } from '../../tar/write.ts'
import type { ArchiveEntry } from './entries.ts'

/** Entries as a tar file (POSIX pax), with modes, owners, times and links. */
export async function* tarArchive(entries: AsyncIterable<ArchiveEntry>): AsyncGenerator<Uint8Array> {
  for await (const { content, name, kind, ...facts } of entries) {
    yield tarHeader({ ...facts, kind, name: kind === 'directory' ? `${name}/` : name })
    yield* content
    const padding = tarPadding(facts.size)
    if (padding.length > 0) yield padding
  }
  yield tarEnd
}
