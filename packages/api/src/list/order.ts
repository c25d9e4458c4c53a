import { compareValues, valueReader, type ReadValue, type SortContext, type SortKey, type SortValue } from './sort.ts'

/** Where an object goes in an order: its value under each key, then its id. Values behind the first are read when a comparison comes to them. */
export interface Place {
  readonly id: string
  readonly first: SortValue
  values: readonly SortValue[] | undefined
  readonly item: object | undefined
}

/** The place of an object that is at hand. */
export interface PlaceOf<T> extends Place {
  readonly item: T & object
}

/** A total order of objects: by the keys, then by id. */
export class Order<T extends { readonly id: string }> {
  readonly #keys: readonly SortKey[]
  readonly #readers: readonly ReadValue[]
  readonly first: ReadValue
  readonly #firstDescending: boolean

  constructor({ keys, ...context }: SortContext & { readonly keys: readonly SortKey[] }) {
    this.#keys = keys
    this.#readers = keys.map((key) => valueReader(key, context))
    this.first = this.#readers[0] ?? (() => undefined)
    this.#firstDescending = keys[0]?.descending ?? false
  }

  place(item: T, first: SortValue = this.first(item)): PlaceOf<T> {
    return { id: item.id, first, values: undefined, item }
  }

  /** Under the first key alone. */
  compareFirst(a: SortValue, b: SortValue): number {
    return compareValues(a, b, this.#firstDescending)
  }

  compare(a: Place, b: Place): number {
    const order = this.compareFirst(a.first, b.first)
    if (order !== 0) return order
    if (this.#keys.length > 1) {
      const [left, right] = [this.values(a), this.values(b)]
      for (let i = 1; i < this.#keys.length; i++) {
        const next = compareValues(left[i], right[i], this.#keys[i]?.descending ?? false)
        if (next !== 0) return next
      }
    }
    return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
  }

  /** The values under all keys. */
  values(place: Place): readonly SortValue[] {
    const { item, first } = place
    if (place.values === undefined && item)
      place.values = this.#readers.map((read, index) => (index === 0 ? first : read(item)))
    return place.values ?? []
  }
}
