import { concatBytes, type ByteStream } from '@nixen/core'
import { diskErrors } from '../errors.ts'
import { tarBlock } from './header.ts'
import { tarPaddingOf } from './read-entries.ts'

export interface TarHeaderOptions {
  readonly name: string
  /** Bytes of the content. */
  readonly size: number
  /** 0644 when left out. */
  readonly mode?: number | undefined
  /** Epoch milliseconds; 1970 when left out, so that equal content makes equal files. */
  readonly modified?: number | undefined
  /** A file when left out. */
  readonly kind?: 'file' | 'directory' | 'link' | undefined
  /** What a symbolic link points to. */
  readonly target?: string | undefined
  /** Numbers of the owner and the group; root when left out. */
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

const typeFlags = { file: '0', link: '2', directory: '5' } as const
/** Largest number of an owner that fits into seven octal digits. */
const maxOctalOwner = 0o7777777

/** Largest size that fits into eleven octal digits. */
const maxOctalSize = 0o77777777777
const encoder = new TextEncoder()
const zeros = new Uint8Array(2 * tarBlock)

/** The two zero blocks at the end. */
export const tarEnd: Uint8Array = zeros

/** What follows `size` bytes of content up to the next header. */
export function tarPadding(size: number): Uint8Array {
  return zeros.subarray(0, tarPaddingOf(size))
}

/** A header of POSIX ustar; for a name or size that it has no room for, with an extended header of pax before it. */
export function tarHeader(options: TarHeaderOptions): Uint8Array {
  const split = splitName(encoder.encode(options.name))
  const records = new Map<string, string>()
  if (!split) records.set('path', options.name)
  if (options.size > maxOctalSize) records.set('size', String(options.size))
  const { kind = 'file', target = '', uid = 0, gid = 0 } = options
  const link = encoder.encode(target)
  if (link.length > 100) records.set('linkpath', target)
  if (uid > maxOctalOwner) records.set('uid', String(uid))
  if (gid > maxOctalOwner) records.set('gid', String(gid))
  const name = split ?? { prefix: zeros.subarray(0, 0), name: encoder.encode(options.name).subarray(0, 100) }
  const main = ustar({
    ...options,
    ...name,
    link: link.subarray(0, 100),
    type: typeFlags[kind],
    size: Math.min(options.size, maxOctalSize),
    uid: Math.min(uid, maxOctalOwner),
    gid: Math.min(gid, maxOctalOwner),
  })
  if (records.size === 0) return main
  const body = paxRecords(records)
  const extended = ustar({
    name: encoder.encode('././@PaxHeader'),
    prefix: zeros.subarray(0, 0),
    type: 'x',
    size: body.length,
  })
  return concatBytes([extended, body, tarPadding(body.length), main])
}

/** An entry to write. */
export interface TarWriteEntry extends TarHeaderOptions {
  readonly content: ByteStream | Uint8Array
}

/** A tar file of entries, as it is made. The content must have the size that was announced (`disk.size_mismatch`). */
export async function* writeTar(
  entries: AsyncIterable<TarWriteEntry> | Iterable<TarWriteEntry>,
): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    yield tarHeader(entry)
    let size = 0
    for await (const part of entry.content instanceof Uint8Array ? [entry.content] : entry.content) {
      size += part.length
      if (size > entry.size) break
      if (part.length > 0) yield part
    }
    if (size !== entry.size) throw diskErrors.size_mismatch({ what: entry.name, size, expected: entry.size })
    if (tarPaddingOf(size) > 0) yield tarPadding(size)
  }
  yield tarEnd
}

interface UstarFields {
  readonly name: Uint8Array
  readonly prefix: Uint8Array
  readonly type: string
  readonly size: number
  readonly mode?: number | undefined
  readonly modified?: number | undefined
  readonly link?: Uint8Array | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

function ustar({ name, prefix, type, size, link, ...facts }: UstarFields): Uint8Array {
  const { mode = 0o644, modified = 0, uid = 0, gid = 0 } = facts
  const block = new Uint8Array(tarBlock)
  const put = (offset: number, text: string): void => block.set(encoder.encode(text), offset)
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`
  block.set(name)
  put(100, octal(mode, 7))
  put(108, octal(uid, 7))
  put(116, octal(gid, 7))
  put(124, octal(size, 11))
  put(136, octal(Math.max(0, Math.min(maxOctalSize, Math.floor(modified / 1000))), 11))
  put(148, '        ')
  put(156, type)
  if (link) block.set(link, 157)
  put(257, 'ustar\x0000')
  block.set(prefix, 345)
  let sum = 0
  for (const byte of block) sum += byte
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `)
  return block
}

/** A name of up to 100 bytes, or one that splits at a slash into up to 155 and 100 bytes. */
function splitName(bytes: Uint8Array): { prefix: Uint8Array; name: Uint8Array } | undefined {
  if (bytes.length <= 100) return { prefix: bytes.subarray(0, 0), name: bytes }
  for (let slash = Math.min(155, bytes.length - 2); slash >= bytes.length - 101 && slash > 0; slash--) {
    if (bytes[slash] === 0x2f) return { prefix: bytes.subarray(0, slash), name: bytes.subarray(slash + 1) }
  }
  return undefined
}

function paxRecords(records: ReadonlyMap<string, string>): Uint8Array {
  return concatBytes(
    [...records].map(([key, value]) => {
      const rest = encoder.encode(` ${key}=${value}\n`)
      // The number counts its own digits.
      let length = rest.length + 1
      while (String(length).length + rest.length !== length) length = String(length).length + rest.length
      return concatBytes([encoder.encode(String(length)), rest])
    }),
  )
}
