import type { AppError } from '@nixen/core'
import { libvirtErrors } from '../errors.ts'
import { padded } from './xdr-writer.ts'

/**
 * Reads values from XDR. Every length is checked against its limit and against what is there before anything is made of it, so no bytes make
 * it take more memory than they are long times a small number.
 */
export class XdrReader {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = at
  }

  get position(): number {
    return this.#at
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** @throws libvirt.bad_xdr when something is left */
  end(): void {
    if (this.left > 0) throw badXdr(this, `${this.left} bytes more than the value has`)
  }

  int(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  uint(): number {
    return this.#bytes.readUInt32BE(this.#take(4))
  }

  hyper(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8))
  }

  uhyper(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8))
  }

  double(): number {
    return this.#bytes.readDoubleBE(this.#take(8))
  }

  string(max: number): string {
    const length = this.#length(max)
    const at = this.#take(padded(length))
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** In the usual form with dashes, lower case. */
  uuid(): string {
    const at = this.#take(16)
    const text = this.#bytes.toString('hex', at, at + 16)
    return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`
  }

  opaque(max: number): Uint8Array {
    return this.opaqueFixed(this.#length(max))
  }

  opaqueFixed(length: number): Uint8Array {
    const at = this.#take(padded(length))
    // A copy: what is read outlives the message that it came in.
    return new Uint8Array(this.#bytes.subarray(at, at + length))
  }

  wide(max: number): Uint8Array {
    return this.wideFixed(this.#length(max))
  }

  wideFixed(length: number): Uint8Array {
    const at = this.#take(4 * length)
    return Uint8Array.from({ length }, (_, i) => this.#bytes[at + 4 * i + 3] ?? 0)
  }

  array<T>(max: number, read: () => T): T[] {
    const length = this.#length(max)
    // Nothing on the wire is shorter than four bytes.
    if (length > this.left / 4) throw badXdr(this, `${length} items in ${this.left} bytes`)
    return this.vector(length, read)
  }

  vector<T>(length: number, read: () => T): T[] {
    const items: T[] = []
    for (let i = 0; i < length; i++) items.push(read())
    return items
  }

  optional<T>(read: () => T): T | undefined {
    const there = this.uint()
    if (there > 1) throw badXdr(this, `the number ${there} where 0 or 1 says whether a value follows`)
    return there === 1 ? read() : undefined
  }

  #length(max: number): number {
    const length = this.uint()
    if (length > max) throw badXdr(this, `a length of ${length}, more than the ${max} that are allowed`)
    return length
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.#bytes.length - at) throw badXdr(this, `${this.left} bytes left of ${length}`)
    this.#at += length
    return at
  }
}

/** `libvirt.bad_xdr` with the place. */
export function badXdr({ position }: XdrReader, reason: string): AppError {
  return libvirtErrors.bad_xdr({ reason, at: position })
}
