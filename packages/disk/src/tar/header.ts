import { diskErrors } from '../errors.ts'

/** Tar files are made of blocks of this many bytes. */
export const tarBlock = 512

/** What an entry is; everything that is neither a file nor a folder is `other`. */
export type TarEntryKind = 'file' | 'directory' | 'other'

/** One entry of a tar file, without its content. */
export interface TarEntry {
  readonly name: string
  readonly kind: TarEntryKind
  /** Bytes of the content. */
  readonly size: number
  readonly mode: number
  /** Epoch milliseconds. */
  readonly modified: number
}

/** A header block as it stands: the special types change the entry that follows. */
export interface RawTarHeader extends TarEntry {
  /** The type flag, one character. */
  readonly type: string
}

const latin1 = new TextDecoder('latin1')
const utf8 = new TextDecoder()

/** Parses a header block; `undefined` when the block is all zeros, the end of the file. Errors: `disk.corrupt`. */
export function parseTarHeader(block: Uint8Array, where: { path: string; offset: number }): RawTarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined
  const broken = (what: string): Error => diskErrors.corrupt({ ...where, what })
  const [unsigned, signed] = checksums(block)
  const expected = octal(block, 148, 8)
  // Some old programs add the bytes up as signed numbers.
  if (expected !== unsigned && expected !== signed) throw broken('a tar header has a wrong checksum')
  const size = number(block, 124, 12)
  if (size === undefined) throw broken('a tar header has no valid size')
  const type = String.fromCharCode(block[156] ?? 0)
  const prefix = latin1.decode(block.subarray(257, 263)) === 'ustar\0' ? text(block, 345, 155) : ''
  const name = text(block, 0, 100)
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    type: type === '\0' || type === '7' ? '0' : type,
    kind: kindOf(type),
    size,
    mode: octal(block, 100, 8) ?? 0,
    modified: (number(block, 136, 12) ?? 0) * 1000,
  }
}

/** Whether a block looks like a tar header, for probing. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < tarBlock || latin1.decode(block.subarray(257, 262)) !== 'ustar') return false
  return checksums(block).includes(octal(block, 148, 8) ?? -1)
}

/** The records of an extended header of pax: `length key=value\n`. */
export function parsePax(bytes: Uint8Array, where: { path: string; offset: number }): Map<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at)
    const length = space < 0 || space - at > 10 ? Number.NaN : Number(latin1.decode(bytes.subarray(at, space)))
    const end = at + length
    // The record must be longer than its own number, and end with a line feed.
    if (!Number.isInteger(length) || end <= space + 1 || end > bytes.length || bytes[end - 1] !== 0x0a) {
      throw diskErrors.corrupt({ ...where, what: 'an extended tar header is not well-formed' })
    }
    const record = utf8.decode(bytes.subarray(space + 1, end - 1))
    const equals = record.indexOf('=')
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1))
    at = end
  }
  return records
}

/** Text of an entry that carries the long name of the next one, as GNU tar writes it. */
export function longName(bytes: Uint8Array): string {
  return utf8.decode(cut(bytes))
}

function kindOf(type: string): TarEntryKind {
  if (type === '5') return 'directory'
  return type === '0' || type === '\0' || type === '7' ? 'file' : 'other'
}

function checksums(block: Uint8Array): [number, number] {
  let [unsigned, signed] = [0, 0]
  for (let index = 0; index < tarBlock; index++) {
    // The field itself counts as spaces.
    const byte = index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0)
    unsigned += byte
    signed += byte > 127 ? byte - 256 : byte
  }
  return [unsigned, signed]
}

function cut(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0)
  return end < 0 ? bytes : bytes.subarray(0, end)
}

function text(block: Uint8Array, offset: number, length: number): string {
  return utf8.decode(cut(block.subarray(offset, offset + length)))
}

function octal(block: Uint8Array, offset: number, length: number): number | undefined {
  const digits = latin1.decode(cut(block.subarray(offset, offset + length))).trim()
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

/** Octal, or as GNU tar writes what has no room: the top bit and a big-endian number. */
function number(block: Uint8Array, offset: number, length: number): number | undefined {
  if (((block[offset] ?? 0) & 0x80) === 0) return octal(block, offset, length)
  if (block[offset] !== 0x80) return undefined
  let value = 0
  for (const byte of block.subarray(offset + 1, offset + length)) value = value * 256 + byte
  return Number.isSafeInteger(value) ? value : undefined
}
