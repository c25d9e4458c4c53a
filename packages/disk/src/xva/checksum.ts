import { hash } from 'node:crypto'
import xxhash from 'xxhash-wasm'

/** Kinds of checksums that follow a chunk: XXH64 since XAPI of 2019 (8.1), SHA-1 before. */
export type XvaChecksum = 'xxhash' | 'sha1'

/** Ending of the name of a checksum's file. */
export const checksumSuffix: Readonly<Record<XvaChecksum, string>> = { xxhash: '.xxhash', sha1: '.checksum' }

/** Computes the text of a checksum. */
export type ChecksumOf = (bytes: Uint8Array) => string

/** Upper-case hexadecimal XXH64 with seed 0, or lower-case hexadecimal SHA-1. */
export async function checksumFunction(kind: XvaChecksum): Promise<ChecksumOf> {
  if (kind === 'sha1') return (bytes) => hash('sha1', bytes, 'hex')
  const api = await xxhash()
  return (bytes) => api.h64Raw(bytes, 0n).toString(16).padStart(16, '0').toUpperCase()
}
