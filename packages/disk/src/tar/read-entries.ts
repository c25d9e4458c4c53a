import { diskErrors } from '../errors.ts'
import { longName, parsePax, parseTarHeader, tarBlock, type TarEntry } from './header.ts'

/** Most bytes of a header that describes the next entry. */
const maxExtended = 1024 * 1024

/** Where headers come from: a stream, or a file at a position. */
export interface TarInput {
  /** What messages call it. */
  readonly path: string
  /** Bytes from the start. */
  readonly position: number
  /** The next bytes; fewer only at the end. */
  readUpTo(length: number): Promise<Uint8Array>
}

/** Bytes that follow the content up to the next header. */
export function tarPaddingOf(size: number): number {
  return (tarBlock - (size % tarBlock)) % tarBlock
}

/**
 * Reads headers up to the next entry; its content follows. `undefined` at the end: two zero blocks, one, or the plain end of the input
 * between entries. Long names of GNU tar and of pax are understood, sparse files are not (`disk.unsupported`).
 */
export async function nextTarEntry(input: TarInput): Promise<TarEntry | undefined> {
  let name: string | undefined
  let pax: Map<string, string> | undefined
  for (;;) {
    const where = { path: input.path, offset: input.position }
    const block = await input.readUpTo(tarBlock)
    if (block.length === 0 && name === undefined && !pax) return undefined
    if (block.length < tarBlock) throw truncated(where, tarBlock, block.length)
    const header = parseTarHeader(block, where)
    if (!header) return undefined
    const { type, ...entry } = header
    switch (type) {
      case 'L':
        name = longName(await extended(input, header.size))
        break
      case 'x':
        pax = parsePax(await extended(input, header.size), where)
        break
      case 'K':
      case 'g':
        await extended(input, header.size)
        break
      case 'S':
        throw diskErrors.unsupported({ path: input.path, feature: 'sparse files of GNU tar' })
      default:
        return withExtensions(entry, { name, pax, path: input.path })
    }
  }
}

function withExtensions(
  entry: TarEntry,
  { name, pax, path }: { name: string | undefined; pax: Map<string, string> | undefined; path: string },
): TarEntry {
  if (pax && [...pax.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
    throw diskErrors.unsupported({ path, feature: 'sparse files of GNU tar' })
  }
  const size = pax?.has('size') ? Number(pax.get('size')) : entry.size
  if (!Number.isSafeInteger(size) || size < 0)
    throw diskErrors.corrupt({ path, what: 'a tar header has no valid size' })
  const modified = Number(pax?.get('mtime') ?? Number.NaN) * 1000
  const whole = pax?.get('path') ?? name ?? entry.name
  // Before there were types a folder was a file whose name ends with a slash. Only the whole name counts: in the header it may be cut off.
  const kind = entry.kind === 'file' && whole.endsWith('/') ? 'directory' : entry.kind
  return {
    ...entry,
    name: whole,
    kind,
    size: kind === 'directory' ? 0 : size,
    modified: Number.isFinite(modified) ? modified : entry.modified,
  }
}

async function extended(input: TarInput, size: number): Promise<Uint8Array> {
  const where = { path: input.path, offset: input.position }
  if (size > maxExtended) throw diskErrors.corrupt({ ...where, what: `an extended tar header has ${size} bytes` })
  const padded = size + tarPaddingOf(size)
  const bytes = await input.readUpTo(padded)
  if (bytes.length < padded) throw truncated(where, padded, bytes.length)
  // A copy: the input may use its memory again.
  return Uint8Array.from(bytes.subarray(0, size))
}

function truncated(where: { path: string; offset: number }, length: number, received: number): Error {
  return diskErrors.truncated({
    path: where.path,
    expected: where.offset + length,
    received: where.offset + received,
  })
}
