import { newUuid } from '@nixen/core'
import type { Ref } from '../generated/rows.ts'

/** The reference to nothing. It fits every class. */
// A constant of the protocol; the brand only keeps classes apart.
export const nullRef = 'OpaqueRef:NULL' as Ref<never>

/** Whether a reference refers to nothing; the empty string counts, as clients send it. */
export function isNull(ref: string): boolean {
  return ref === nullRef || ref === ''
}

/** Makes UUIDs: at random, or repeatable from a seed. */
export type UuidSource = () => string

/** UUIDs from a secure source. */
export const randomUuids: UuidSource = newUuid

/** Repeatable UUIDs of version 4 from a source of random numbers. */
export function seededUuids(random: () => number): UuidSource {
  const hex = (digits: number): string =>
    Math.floor(random() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0')
  return () => {
    const variant = '89ab'[Math.floor(random() * 4)] ?? '8'
    return `${hex(8)}-${hex(4)}-4${hex(3)}-${variant}${hex(3)}-${hex(6)}${hex(6)}`
  }
}
