import type { XvaChecksum } from './checksum.ts'

/** Bytes of a chunk; only the last one of a disk is shorter. */
export const xvaChunkSize: number = 1024 * 1024

/** Longest chunk that is taken. XAPI writes 1 MiB; others could write more. */
export const maxXvaChunk: number = 64 * 1024 * 1024

/** The parts of a name such as `Ref:7/00000012.xxhash`. */
export interface XvaChunkName {
  readonly ref: string
  readonly number: number
  /** `undefined` for the data itself. */
  readonly checksum: XvaChecksum | undefined
}

const pattern = /^(?:\.\/)?([^/]+)\/(\d{8,15})(\.xxhash|\.checksum)?$/

export function parseChunkName(name: string): XvaChunkName | undefined {
  const match = pattern.exec(name)
  if (!match) return undefined
  const [, ref = '', digits = '', suffix] = match
  const checksum = suffix === undefined ? undefined : suffix === '.xxhash' ? 'xxhash' : 'sha1'
  return { ref, number: Number(digits), checksum }
}

export function chunkName(ref: string, number: number): string {
  return `${ref}/${String(number).padStart(8, '0')}`
}

/**
 * Where chunks lie on the disk. Chunks of zeros are left out, and their numbers with them. A chunk without bytes only keeps the connection alive: it uses up a
 * number but no place, so that the number does not tell the offset after it.
 */
export class ChunkPlacer {
  #last = -1
  #end = 0
  #step = 0

  /** End of the last chunk in bytes. */
  get end(): number {
    return this.#end
  }

  /** The offset of the next chunk; what is wrong if it can't be there. */
  place(number: number, length: number): number | string {
    if (number <= this.#last) return `chunk ${number} comes after chunk ${this.#last}`
    const skipped = number - this.#last - 1
    const offset = this.#end + skipped * this.#step
    if (skipped > 0 && this.#step === 0) return 'its first chunk is missing'
    if (!Number.isSafeInteger(offset + length)) return `chunk ${number} is beyond every disk`
    if (this.#step === 0) this.#step = length
    this.#last = number
    this.#end = offset + length
    return offset
  }
}
