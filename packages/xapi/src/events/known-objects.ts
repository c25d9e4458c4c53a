import type { XapiChange } from './changes.ts'

/** An event as it was decoded; the class in lower case as on the wire. */
export interface DecodedEvent {
  readonly class: string
  readonly operation: string
  readonly ref: string
  readonly snapshot?: unknown
}

/**
 * Which objects the reader has been told about. Turns the host's events into changes that fit that: what the host calls `add` may be known
 * already (after a resynchronisation), and what it calls `del` may never have been told.
 */
export class KnownObjects {
  readonly #byClass = new Map<string, Set<string>>()
  readonly #nameOf: (eventClass: string) => string

  constructor(nameOf: (eventClass: string) => string) {
    this.#nameOf = nameOf
  }

  /** Whether nothing was told yet. */
  get empty(): boolean {
    return this.#byClass.size === 0
  }

  /** How many objects of a class (lower-case name) are known. */
  count(eventClass: string): number {
    return this.#byClass.get(eventClass)?.size ?? 0
  }

  /** The change that an event is to the reader; `undefined` when it is none. */
  change(event: DecodedEvent): XapiChange | undefined {
    const refs = this.#refs(event.class)
    const { ref, snapshot: record } = event
    // Class and record belong together by the host's word; the decoder has checked the record where it knows the class.
    if (event.operation === 'del') {
      if (!refs.delete(ref)) return undefined
      return { operation: 'del', class: this.#nameOf(event.class), ref } as XapiChange
    }
    if (record === undefined || record === null) return undefined
    const size = refs.size
    // One look at the set for both questions: there may be a hundred thousand of these at once.
    const operation = refs.add(ref).size === size ? 'mod' : 'add'
    return { operation, class: this.#nameOf(event.class), ref, record } as XapiChange
  }

  /** Removes the objects that a complete telling of the state left out, in all classes or in `classes`; returns that as changes. */
  sweep(
    told: ReadonlyMap<string, ReadonlySet<string>>,
    classes: Iterable<string> = this.#byClass.keys(),
  ): XapiChange[] {
    const gone: XapiChange[] = []
    for (const eventClass of classes) {
      const now = told.get(eventClass)
      for (const ref of this.#refs(eventClass)) {
        if (now?.has(ref)) continue
        const change = this.change({ class: eventClass, operation: 'del', ref })
        if (change) gone.push(change)
      }
    }
    return gone
  }

  #refs(eventClass: string): Set<string> {
    let refs = this.#byClass.get(eventClass)
    if (!refs) this.#byClass.set(eventClass, (refs = new Set()))
    return refs
  }
}
