import { libvirtErrors } from '../errors.ts'

const uuidShape = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n }
const uint64 = { min: 0n, max: 2n ** 64n - 1n }

/** Writes values as XDR (RFC 4506): big endian, everything a multiple of four bytes long. Grows as needed. */
export class XdrWriter {
  #buffer: Buffer
  #at = 0

  constructor(capacity = 512) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at
  }

  /** What was written; valid until the next write. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  /** Writes over what is at `offset`. */
  patchUint(offset: number, value: number): void {
    this.#buffer.writeUInt32BE(value, offset)
  }

  int(value: number): void {
    if (value !== (value | 0)) throw bad('a 32-bit integer', value)
    this.#at = this.#room(4).writeInt32BE(value, this.#at)
  }

  uint(value: number): void {
    if (value !== value >>> 0) throw bad('an unsigned 32-bit integer', value)
    this.#at = this.#room(4).writeUInt32BE(value, this.#at)
  }

  hyper(value: bigint): void {
    if (value < int64.min || value > int64.max) throw bad('a 64-bit integer', value)
    this.#at = this.#room(8).writeBigInt64BE(value, this.#at)
  }

  uhyper(value: bigint): void {
    if (value < uint64.min || value > uint64.max) throw bad('an unsigned 64-bit integer', value)
    this.#at = this.#room(8).writeBigUInt64BE(value, this.#at)
  }

  double(value: number): void {
    this.#at = this.#room(8).writeDoubleBE(value, this.#at)
  }

  /** `max` in bytes of UTF-8. A zero byte would end the text at the daemon, so it is refused. */
  string(value: string, max: number): void {
    const length = Buffer.byteLength(value)
    if (length > max) throw bad(`text of at most ${max} bytes`, `${length} bytes`)
    if (value.includes('\0')) throw bad('text without a zero character', value)
    this.uint(length)
    const buffer = this.#room(padded(length))
    buffer.fill(0, this.#at + length, this.#at + padded(length))
    buffer.write(value, this.#at, length)
    this.#at += padded(length)
  }

  uuid(value: string): void {
    if (!uuidShape.test(value)) throw bad('a UUID', value)
    this.#at += this.#room(16).write(value.replaceAll('-', ''), this.#at, 16, 'hex')
  }

  opaque(value: Uint8Array, max: number): void {
    if (value.length > max) throw bad(`at most ${max} bytes`, `${value.length} bytes`)
    this.uint(value.length)
    this.raw(value)
  }

  opaqueFixed(value: Uint8Array, length: number): void {
    if (value.length !== length) throw bad(`${length} bytes`, `${value.length} bytes`)
    this.raw(value)
  }

  /** Bytes, padded to four. */
  raw(value: Uint8Array): void {
    const buffer = this.#room(padded(value.length))
    buffer.fill(0, this.#at + value.length, this.#at + padded(value.length))
    buffer.set(value, this.#at)
    this.#at += padded(value.length)
  }

  /** Bytes that take four bytes each, as XDR's `char` does. */
  wide(value: Uint8Array, max: number): void {
    if (value.length > max) throw bad(`at most ${max} bytes`, `${value.length} bytes`)
    this.uint(value.length)
    this.wideFixed(value, value.length)
  }

  wideFixed(value: Uint8Array, length: number): void {
    if (value.length !== length) throw bad(`${length} bytes`, `${value.length} bytes`)
    // A `char` is signed: 0x80 and above go as negative numbers.
    for (const byte of value) this.int((byte << 24) >> 24)
  }

  array<T>(values: readonly T[], max: number, write: (value: T) => void): void {
    if (values.length > max) throw bad(`at most ${max} items`, `${values.length} items`)
    this.uint(values.length)
    for (const value of values) write(value)
  }

  vector<T>(values: readonly T[], length: number, write: (value: T) => void): void {
    if (values.length !== length) throw bad(`${length} items`, `${values.length} items`)
    for (const value of values) write(value)
  }

  optional<T>(value: T | undefined, write: (value: T) => void): void {
    this.uint(value === undefined ? 0 : 1)
    if (value !== undefined) write(value)
  }

  #room(more: number): Buffer {
    if (this.#at + more > this.#buffer.length) {
      const bigger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + more))
      this.#buffer.copy(bigger, 0, 0, this.#at)
      this.#buffer = bigger
    }
    return this.#buffer
  }
}

export const padded = (length: number): number => (length + 3) & ~3

function bad(expected: string, got: unknown): Error {
  return libvirtErrors.bad_value({ expected, got: String(got).slice(0, 80) })
}
