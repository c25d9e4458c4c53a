import { createRequire } from 'node:module'
import { poly1305 } from '@noble/ciphers/_poly1305.js'
import { equalBytes, fromHex } from '@nixen/core'

/** Poly1305 (RFC 8439 §2.5): the 16-byte tag of `message` under a one-time key of 32 bytes (r, then s). Clamps r itself. */
export interface Poly1305 {
  readonly implementation: 'sodium' | 'javascript'
  tag(message: Uint8Array, oneTimeKey: Uint8Array): Uint8Array
}

interface Sodium {
  crypto_onetimeauth(out: Uint8Array, message: Uint8Array, key: Uint8Array): void
}

/** RFC 8439 §2.5.2. */
const vector = {
  key: fromHex('85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b'),
  message: new TextEncoder().encode('Cryptographic Forum Research Group'),
  tag: fromHex('a8061dc1305136c6c22b8baf0c0127a9'),
}

/** The slow implementation, for platforms without a prebuilt libsodium. About a tenth of the speed. */
export const javascriptPoly1305: Poly1305 = {
  implementation: 'javascript',
  tag: (message, oneTimeKey) => poly1305(message, oneTimeKey),
}

/** libsodium's implementation; `undefined` where its add-on does not load or does not give the right answer. */
export function sodiumPoly1305(): Poly1305 | undefined {
  try {
    // The add-on ships no types; the self-test below is what makes this assertion true.
    const sodium = createRequire(import.meta.url)('sodium-native') as Sodium
    const implementation: Poly1305 = {
      implementation: 'sodium',
      tag(message, oneTimeKey) {
        const out = new Uint8Array(16)
        sodium.crypto_onetimeauth(out, message, oneTimeKey)
        return out
      },
    }
    return passesSelfTest(implementation) ? implementation : undefined
  } catch {
    // No add-on for this platform: the caller takes the other implementation.
    return undefined
  }
}

/** Whether `implementation` gives the tag of the RFC's test vector. */
export function passesSelfTest(implementation: Poly1305): boolean {
  return equalBytes(implementation.tag(vector.message, vector.key), vector.tag)
}

let chosen: Poly1305 | undefined

/** The fastest implementation that works here; chosen once. */
export function choosePoly1305(): Poly1305 {
  chosen ??= sodiumPoly1305() ?? javascriptPoly1305
  return chosen
}
