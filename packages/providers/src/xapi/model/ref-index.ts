/** Which objects belong to another one: child references by the parent's. Parents without children take no room. */
export class RefIndex {
  readonly #children = new Map<string, string[]>()

  /** The children, in the order in which they came. */
  of(parent: string): readonly string[] {
    return this.#children.get(parent) ?? none
  }

  /** Moves a child to another parent; `null` or `undefined` stands for none. */
  move(child: string, from: string | null | undefined, to: string | null | undefined): void {
    if (from === to) return
    if (from) this.#remove(from, child)
    if (!to) return
    const list = this.#children.get(to)
    if (list) list.push(child)
    else this.#children.set(to, [child])
  }

  #remove(parent: string, child: string): void {
    const list = this.#children.get(parent)
    const at = list?.indexOf(child) ?? -1
    if (!list || at < 0) return
    if (list.length === 1) this.#children.delete(parent)
    else list.splice(at, 1)
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
