import type { Order, PlaceOf } from './order.ts'

/** The `size` smallest of many, in a heap with the largest of them on top. */
export class Smallest<T extends { readonly id: string }> {
  readonly #heap: PlaceOf<T>[] = []
  readonly #size: number
  readonly #order: Order<T>

  constructor(size: number, order: Order<T>) {
    this.#size = size
    this.#order = order
  }

  offer(item: T): void {
    const heap = this.#heap
    const order = this.#order
    if (heap.length < this.#size) {
      const place = order.place(item)
      order.values(place)
      heap.push(place)
      this.#rise(heap.length - 1)
      return
    }
    const [largest] = heap
    if (largest === undefined) return
    const first = order.first(item)
    // Most of what is too large is so by its first key.
    if (order.compareFirst(first, largest.first) > 0) return
    const place = order.place(item, first)
    if (order.compare(place, largest) >= 0) return
    order.values(place)
    heap[0] = place
    this.#sink()
  }

  sorted(): PlaceOf<T>[] {
    return this.#heap.toSorted((a, b) => this.#order.compare(a, b))
  }

  #rise(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfLess(parent, at)) return
      at = parent
    }
  }

  #sink(): void {
    for (let at = 0; ;) {
      const left = 2 * at + 1
      const [a, b] = [this.#heap[left], this.#heap[left + 1]]
      if (a === undefined) return
      const larger = b !== undefined && this.#order.compare(b, a) > 0 ? left + 1 : left
      if (!this.#swapIfLess(at, larger)) return
      at = larger
    }
  }

  #swapIfLess(parent: number, child: number): boolean {
    const [a, b] = [this.#heap[parent], this.#heap[child]]
    if (a === undefined || b === undefined || this.#order.compare(a, b) >= 0) return false
    this.#heap[parent] = b
    this.#heap[child] = a
    return true
  }
}
