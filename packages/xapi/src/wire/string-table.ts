const maxProbes = 16

/**
 * Makes one string of equal bytes: a pool's answer names each object many times, and each copy would cost a string of its own. Holds what it has
 * seen, so it is meant to live as long as one answer, or the loading of one pool.
 */
export class StringTable {
  #hashes = new Int32Array(1024)
  #strings: (string | undefined)[] = emptySlots(1024)
  #size = 0
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
    const mask = this.#hashes.length - 1
    for (let probe = 0, slot = hash & mask; probe < maxProbes; probe++, slot = (slot + 1) & mask) {
      const text = this.#strings[slot]
      if (text === undefined) return undefined
      if (this.#hashes[slot] === hash && text.length === end - start && sameText(text, bytes, start)) return text
    }
    return undefined
  }

  /** Keeps a string for `find`. Full neighbourhoods are left alone, so that chosen collisions cost no time. */
  add(text: string, hash: number): void {
    if (this.#size >= this.#limit) return
    if (this.#size * 2 > this.#hashes.length) this.#grow()
    this.#insert(text, hash)
  }

  #insert(text: string, hash: number): void {
    const mask = this.#hashes.length - 1
    for (let probe = 0, slot = hash & mask; probe < maxProbes; probe++, slot = (slot + 1) & mask) {
      if (this.#strings[slot] !== undefined) continue
      this.#strings[slot] = text
      this.#hashes[slot] = hash
      this.#size++
      return
    }
  }

  #grow(): void {
    const [strings, hashes] = [this.#strings, this.#hashes]
    this.#hashes = new Int32Array(hashes.length * 4)
    this.#strings = emptySlots(hashes.length * 4)
    this.#size = 0
    for (let slot = 0; slot < strings.length; slot++) {
      const text = strings[slot]
      if (text !== undefined) this.#insert(text, hashes[slot] ?? 0)
    }
  }
}

function sameText(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false
  return true
}

/** Filled one by one, V8 keeps the array as a plain vector without holes. */
function emptySlots(length: number): (string | undefined)[] {
  const slots: (string | undefined)[] = []
  for (let i = 0; i < length; i++) slots.push(undefined)
  return slots
}
