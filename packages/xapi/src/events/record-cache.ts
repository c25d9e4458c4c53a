import type { EventClassName, Records } from '../generated/records.ts'
import type { Ref } from '../values/ref.ts'
import type { XapiChanges } from './changes.ts'

const none: ReadonlyMap<string, unknown> = new Map()

/** The objects of a pool in memory, by class and reference, kept up to date by feeding it what {@link readEvents} yields. */
export class RecordCache {
  readonly #classes = new Map<string, Map<string, unknown>>()

  /** Number of objects of all classes. */
  get size(): number {
    let size = 0
    for (const records of this.#classes.values()) size += records.size
    return size
  }

  /** Takes in what happened. */
  apply(event: XapiChanges): void {
    if (event.kind !== 'changes') return
    for (const change of event.changes) {
      if (change.operation === 'del') this.#classes.get(change.class)?.delete(change.ref)
      else this.#records(change.class).set(change.ref, change.record)
    }
  }

  get<C extends EventClassName>(className: C, ref: Ref<C>): Records[C] | undefined {
    return this.all(className).get(ref)
  }

  /** All objects of a class; a live view. */
  all<C extends EventClassName>(className: C): ReadonlyMap<Ref<C>, Records[C]> {
    // Changes pair a class with its records.
    return (this.#classes.get(className) ?? none) as ReadonlyMap<Ref<C>, Records[C]>
  }

  #records(className: string): Map<string, unknown> {
    let records = this.#classes.get(className)
    if (!records) this.#classes.set(className, (records = new Map()))
    return records
  }
}
