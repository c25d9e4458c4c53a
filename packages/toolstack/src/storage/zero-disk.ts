import { checkRange } from '@nixen/disk'
import type { OpenVdi } from './storage-port.ts'

/** A disk of zeros that can only be read. */
export function zeroDisk(size: number): OpenVdi {
  return {
    size,
    async *extents() {
      if (size > 0) yield { offset: 0, length: size, kind: 'zero' }
    },
    async read(offset, into) {
      checkRange(size, offset, into.length)
      into.fill(0)
    },
    writable: undefined,
    async [Symbol.asyncDispose]() {},
  }
}
