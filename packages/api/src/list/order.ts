import { compareValues, valueReader, type ReadValue, type SortContext, type SortKey, type SortValue } from './sort.ts'

/** Where an object goes in an order: its value under each key, then its id. */
export interface Place {
  readonly id: string
  readonly first: SortValue
  /** Under all keys, the first too; read from the object while absent. */
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
    for (let i = 1; i < this.#keys.length; i++) {
      const next = compareValues(this.#value(a, i), this.#value(b, i), this.#keys[i]?.descending ?? false)
      if (next !== 0) return next
    }
    return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
  }

  /** The values under all keys. A place that is compared often is quicker once they were asked for. */
  values(place: Place): readonly SortValue[] {
    const { item, first } = place
    if (place.values === undefined && item)
      place.values = this.#readers.map((read, index) => (index === 0 ? first : read(item)))
    return place.values ?? []
  }

  #value({ values, item }: Place, index: number): SortValue {
    return values ? values[index] : item && this.#readers[index]?.(item)
  }
}
