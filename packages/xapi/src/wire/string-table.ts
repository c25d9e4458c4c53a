const maxProbes = 16

/**
 * Makes one string of equal bytes: a pool's answer names each object many times, and each copy would cost a string of its own. Holds what it has
 * seen, so it is meant to live as long as one answer, or the loading of one pool.
 */
export class StringTable {
  /** By slot: the hash, and the place in `#strings` plus one; 0 for a free slot. */
  #slotHashes = new Int32Array(4096)
  #slots = new Int32Array(4096)
  readonly #strings: string[] = []
  readonly #hashes: number[] = []
  readonly #limit: number

  /** @param limit most strings that are held; beyond it strings are made anew */
  constructor(limit: number = 1 << 20) {
    this.#limit = limit
  }

  /**
   * The string of the ASCII bytes from `start` to `end` if it was seen before. `hash` is theirs, by the caller's rule. An object for the
   * parameters would cost more than the search.
   */
  // oxlint-disable-next-line max-params
  lookup(bytes: Uint8Array, start: number, end: number, hash: number): string | undefined {
    const mask = this.#slots.length - 1
    for (let probe = 0, slot = spread(hash) & mask; probe < maxProbes; probe++, slot = (slot + 1) & mask) {
      const place = this.#slots[slot] ?? 0
      if (place === 0) return undefined
      if (this.#slotHashes[slot] !== hash) continue
      const text = this.#strings[place - 1] ?? ''
      if (text.length === end - start && sameText(text, bytes, start)) return text
    }
    return undefined
  }

  /** Keeps a string for `lookup`. Full neighbourhoods are left alone, so that chosen collisions cost no time. */
  add(text: string, hash: number): void {
    if (this.#strings.length >= this.#limit) return
    if (this.#strings.length * 2 >= this.#slots.length) this.#grow()
    if (!this.#insert(this.#strings.length + 1, hash)) return
    this.#strings.push(text)
    this.#hashes.push(hash)
  }

  #insert(place: number, hash: number): boolean {
    const mask = this.#slots.length - 1
    for (let probe = 0, slot = spread(hash) & mask; probe < maxProbes; probe++, slot = (slot + 1) & mask) {
      if (this.#slots[slot] !== 0) continue
      this.#slots[slot] = place
      this.#slotHashes[slot] = hash
      return true
    }
    return false
  }

  #grow(): void {
    const length = this.#slots.length * 2
    this.#slots = new Int32Array(length)
    this.#slotHashes = new Int32Array(length)
    for (const [index, hash] of this.#hashes.entries()) this.#insert(index + 1, hash)
  }
}

/** Brings all bits of a hash to bear on its lowest ones, which pick the slot. */
function spread(hash: number): number {
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 11
}

function sameText(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false
  return true
}
