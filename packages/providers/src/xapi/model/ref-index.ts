/** Longest list that is copied to take another child: a copy has no room to spare, which for thousands of short lists is most of their memory. */
const short = 8

/** Which objects belong to another one: child references by the parent's. Parents without children take no room, those with one no list. */
export class RefIndex {
  readonly #children = new Map<string, string | string[]>()

  /** The children, in the order in which they came. */
  of(parent: string): readonly string[] {
    const found = this.#children.get(parent)
    return found === undefined ? none : typeof found === 'string' ? [found] : found
  }

  /** Moves a child to another parent; `null` or `undefined` stands for none. */
  move(child: string, from: string | null | undefined, to: string | null | undefined): void {
    if (from === to) return
    if (from) this.#remove(from, child)
    if (to) this.#add(to, child)
  }

  #add(parent: string, child: string): void {
    const found = this.#children.get(parent)
    if (found === undefined) this.#children.set(parent, child)
    else if (typeof found === 'string') this.#children.set(parent, [found, child])
    else if (found.length < short) this.#children.set(parent, [...found, child])
    else found.push(child)
  }

  #remove(parent: string, child: string): void {
    const found = this.#children.get(parent)
    if (found === child) this.#children.delete(parent)
    if (typeof found !== 'object') return
    const at = found.indexOf(child)
    if (at < 0) return
    const rest = found.length === 2 ? found[1 - at] : undefined
    if (rest === undefined) found.splice(at, 1)
    else this.#children.set(parent, rest)
  }
}

const none: readonly string[] = []

/** How many objects belong to another one, where there are too many to list. Tells when a number changes. */
export class Tally {
  readonly #counts = new Map<string, number>()
  readonly #changed: (key: string) => void

  constructor(changed: (key: string) => void) {
    this.#changed = changed
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  move(from: string | null | undefined, to: string | null | undefined): void {
    if (from === to) return
    if (from) this.#add(from, -1)
    if (to) this.#add(to, 1)
  }

  #add(key: string, by: number): void {
    const count = this.of(key) + by
    if (count === 0) this.#counts.delete(key)
    else this.#counts.set(key, count)
    this.#changed(key)
  }
}
