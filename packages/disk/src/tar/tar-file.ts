import type { IoOptions } from '../disk-source.ts'
import type { DiskFile } from '../file.ts'
import type { TarEntry } from './header.ts'
import { nextTarEntry, tarPaddingOf } from './read-entries.ts'

/** Bytes that are read at once: the headers between two small entries come together. */
const windowSize = 4096

/** An entry of a tar file that can be sought in. */
export interface PlacedTarEntry extends TarEntry {
  /** Where the content is, in bytes from the start of the tar file. */
  readonly offset: number
}

/** The entries of a tar file without reading their content. */
export async function* tarFileEntries(file: DiskFile, { signal }: IoOptions = {}): AsyncGenerator<PlacedTarEntry> {
  const size = await file.size()
  let window: Uint8Array = new Uint8Array(0)
  let windowStart = 0
  const input = {
    path: file.path,
    position: 0,
    readUpTo: async (wanted: number): Promise<Uint8Array> => {
      const length = Math.max(0, Math.min(wanted, size - input.position))
      const start = input.position
      if (start < windowStart || start + length > windowStart + window.length) {
        window = new Uint8Array(Math.max(length, Math.min(windowSize, size - start)))
        windowStart = start
        await file.read(start, window, { signal })
      }
      input.position += length
      return window.subarray(start - windowStart, start - windowStart + length)
    },
  }
  for (;;) {
    signal?.throwIfAborted()
    const entry = await nextTarEntry(input)
    if (!entry) return
    yield { ...entry, offset: input.position }
    input.position += entry.size + tarPaddingOf(entry.size)
  }
}
