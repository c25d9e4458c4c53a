import { createCipheriv, createDecipheriv, randomFillSync, timingSafeEqual } from 'node:crypto'
import { release } from './memory.ts'
import { choosePoly1305, type Poly1305 } from './poly1305.ts'

/** The secrets of a repository (design document of restic, "Keys, Encryption and MAC"). */
export interface MasterKey {
  /** AES-256 key, 32 bytes. */
  readonly encrypt: Uint8Array
  /** AES-128 key of Poly1305-AES, 16 bytes. */
  readonly macK: Uint8Array
  /** The part r of Poly1305-AES, 16 bytes; masked when it is used. */
  readonly macR: Uint8Array
}

/** A sealed message is nonce (16), ciphertext, tag (16). */
export const sealOverhead = 32
const nonceLength = 16
const tagLength = 16

/**
 * Bytes that are encrypted by one call. The cipher allocates its output at each call: pieces of this size come from memory that is warm, a
 * whole MiB does not (half the speed).
 */
const step = 128 * 1024

/** Encrypts and authenticates with one master key. Not shared between threads. */
export class Sealer {
  readonly #key: MasterKey
  readonly #poly1305: Poly1305
  readonly #nonces = new Uint8Array(nonceLength * 64)
  #nextNonce = this.#nonces.length

  constructor(key: MasterKey, poly1305: Poly1305 = choosePoly1305()) {
    this.#key = key
    this.#poly1305 = poly1305
  }

  /** `plaintext` sealed with a fresh random nonce. */
  seal(plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(plaintext.length + sealOverhead)
    this.sealInto(plaintext, out)
    return out
  }

  /** Writes the sealed message into `out`, which may be shared memory; returns its length, `plaintext.length + sealOverhead`. */
  sealInto(plaintext: Uint8Array, out: Uint8Array): number {
    const nonce = this.#nonce()
    out.set(nonce, 0)
    const cipher = createCipheriv('aes-256-ctr', this.#key.encrypt, nonce)
    for (let at = 0; at < plaintext.length; at += step) {
      const piece = cipher.update(plaintext.subarray(at, at + step))
      out.set(piece, nonceLength + at)
      release(piece)
    }
    const end = nonceLength + plaintext.length
    out.set(this.#tag(nonce, out.subarray(nonceLength, end)), end)
    return end + tagLength
  }

  /** The plaintext, or `undefined` when the message was not sealed with this key or was changed since. */
  open(sealed: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    if (sealed.length < sealOverhead) return undefined
    // Not from the pool, and not cleared: every byte is written, or nobody sees it.
    const plaintext = Buffer.allocUnsafeSlow(sealed.length - sealOverhead)
    return this.openInto(sealed, plaintext) ? plaintext : undefined
  }

  /** Writes the plaintext into `out`, which may be shared memory. `false`, and nothing written, when `open` would give `undefined`. */
  openInto(sealed: Uint8Array, out: Uint8Array): boolean {
    if (sealed.length < sealOverhead) return false
    const nonce = sealed.slice(0, nonceLength)
    const end = sealed.length - tagLength
    const ciphertext = sealed.subarray(nonceLength, end)
    if (!timingSafeEqual(this.#tag(nonce, ciphertext), sealed.slice(end))) return false
    const decipher = createDecipheriv('aes-256-ctr', this.#key.encrypt, nonce)
    for (let at = 0; at < ciphertext.length; at += step) {
      const piece = decipher.update(ciphertext.subarray(at, at + step))
      out.set(piece, at)
      release(piece)
    }
    return true
  }

  #tag(nonce: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    const oneTimeKey = new Uint8Array(32)
    oneTimeKey.set(maskR(this.#key.macR), 0)
    const block = createCipheriv('aes-128-ecb', this.#key.macK, null).setAutoPadding(false)
    oneTimeKey.set(block.update(nonce), 16)
    return this.#poly1305.tag(ciphertext, oneTimeKey)
  }

  #nonce(): Uint8Array {
    if (this.#nextNonce === this.#nonces.length) {
      randomFillSync(this.#nonces)
      this.#nextNonce = 0
    }
    const nonce = this.#nonces.slice(this.#nextNonce, this.#nextNonce + nonceLength)
    this.#nextNonce += nonceLength
    return nonce
  }
}

/** Clears the 22 bits of r that Poly1305 wants zero (Bernstein 2005, §2). */
export function maskR(r: Uint8Array): Uint8Array {
  const masked = r.slice()
  for (const i of [3, 7, 11, 15]) masked[i] = (masked[i] ?? 0) & 15
  for (const i of [4, 8, 12]) masked[i] = (masked[i] ?? 0) & 252
  return masked
}
