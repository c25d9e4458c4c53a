import type { EventClassName, Records } from '../generated/records.ts'
import type { Ref } from './ref.ts'

interface EventBase<C extends EventClassName> {
  /** The class in lower case, as on the wire; `classOfEvent` gives its usual spelling. A newer host may send classes that are not listed. */
  readonly class: Lowercase<C>
  readonly ref: Ref<C>
  /** Text on the wire, against the data model; of no use. */
  readonly id: string
  readonly timestamp: string
}

/** An event about an object of class `C`. The snapshot is the record as it is when the event is read, not when it happened. */
export type XapiEventOf<C extends EventClassName> =
  | (EventBase<C> & { readonly operation: 'add' | 'mod'; readonly snapshot: Records[C] })
  | (EventBase<C> & { readonly operation: 'del'; readonly snapshot?: undefined })

/** An event about any object; `class` tells which. */
export type XapiEvent = { readonly [C in EventClassName]: XapiEventOf<C> }[EventClassName]

/** What `event.from` answers with. */
export interface EventBatch {
  readonly events: readonly XapiEvent[]
  /** How many objects of each class (lower case) there are, whatever was asked for. */
  readonly valid_ref_counts: Readonly<Record<string, number>>
  /** For the next `event.from`. */
  readonly token: string
}
