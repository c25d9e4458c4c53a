import type { JsonCursor } from './json-cursor.ts'

const quote = 0x22
const backslash = 0x5c
const maxProbes = 8
const slots = 1024
/** Containers longer than this are hardly ever equal. In bytes. */
const maxLength = 2048
const trial = 128

/**
 * Finds containers of texts (`allowed_operations`, `platform`, …) that are byte for byte the same as one before, and hands out that one, frozen,
 * without parsing. Stops looking when they turn out to be all different.
 */
export class SharedValues {
  readonly #hashes = new Int32Array(slots)
  readonly #bytes: (Uint8Array | undefined)[] = []
  readonly #values: unknown[] = []
  #last: { readonly bytes: Uint8Array; readonly value: unknown } | undefined
  #tries = 0
  #hits = 0
  #size = 0

  /** The value at the cursor, by `read` when it is new. */
  read(cursor: JsonCursor, read: (cursor: JsonCursor) => unknown): unknown {
    if (this.#tries >= trial && this.#hits * 4 < this.#tries) return read(cursor)
    const first = cursor.peek()
    const start = cursor.at
    if (first !== 0x5b && first !== 0x7b) return read(cursor)
    // Most often it is the one that came last. No container begins like another whole one.
    const last = this.#last
    if (last && cursor.skipExact(last.bytes)) {
      this.#tries++
      this.#hits++
      return last.value
    }
    const end = endOf(cursor.bytes, start)
    // Nested, cut off or very long: not for here.
    if (end < 0) return read(cursor)
    this.#tries++
    const hash = hashOf(cursor.bytes, start, end)
    const slot = this.#find(cursor.bytes, { start, end, hash })
    const known = slot >= 0 ? this.#bytes[slot] : undefined
    if (known) {
      this.#hits++
      cursor.at = end
      this.#last = { bytes: known, value: this.#values[slot] }
      return this.#last.value
    }
    const copy = cursor.bytes.subarray(start, end)
    const value = read(cursor)
    if (slot >= 0 && this.#size < slots / 2) this.#keep(slot, { bytes: Uint8Array.from(copy), value, hash })
    return value
  }

  /** The slot of these bytes, or a free one for them; -1 when the neighbourhood is full. */
  #find(bytes: Uint8Array, { start, end, hash }: { start: number; end: number; hash: number }): number {
    for (let probe = 0, slot = hash & (slots - 1); probe < maxProbes; probe++, slot = (slot + 1) & (slots - 1)) {
      const known = this.#bytes[slot]
      if (!known) return slot
      if (this.#hashes[slot] === hash && known.length === end - start && sameBytes(known, bytes, start)) return slot
    }
    return -1
  }

  #keep(slot: number, { bytes, value, hash }: { bytes: Uint8Array; value: unknown; hash: number }): void {
    this.#bytes[slot] = bytes
    this.#hashes[slot] = hash
    this.#values[slot] = typeof value === 'object' ? Object.freeze(value) : value
    this.#size++
  }
}

/** The position after a container that holds no other one; -1 when it is not complete or too long. */
function endOf(bytes: Uint8Array, start: number): number {
  const limit = Math.min(bytes.length, start + maxLength)
  let inText = false
  for (let i = start + 1; i < limit; i++) {
    const byte = bytes[i]
    if (byte === quote) inText = !inText
    else if (inText) {
      if (byte === backslash) i++
    } else if (byte === 0x5d || byte === 0x7d) return i + 1
    else if (byte === 0x5b || byte === 0x7b) return -1
  }
  return -1
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] ?? 0)) | 0
  return hash
}

function sameBytes(a: Uint8Array, b: Uint8Array, start: number): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[start + i]) return false
  return true
}
