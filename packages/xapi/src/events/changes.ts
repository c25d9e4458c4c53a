import type { EventClassName, Records } from '../generated/records.ts'
import type { Ref } from '../values/ref.ts'

type ChangeOf<C extends EventClassName> =
  | { readonly operation: 'add' | 'mod'; readonly class: C; readonly ref: Ref<C>; readonly record: Records[C] }
  | { readonly operation: 'del'; readonly class: C; readonly ref: Ref<C>; readonly record?: undefined }

/**
 * What happened to one object. `record` is the object as it was when the change was read, so an object that changed twice may come once. Classes
 * that the data model does not know come with their lower-case name and a record as it is on the wire.
 */
export type XapiChange<C extends EventClassName = EventClassName> = { readonly [K in C]: ChangeOf<K> }[C]

/** Why everything is told again: at the start, because the host no longer knows what was told, or because the session is a new one. */
export type ResetReason = 'start' | 'token-refused' | 'new-session'

/**
 * What a reader of events gets.
 *
 * - `reset`: everything there is follows, up to `synced`. Objects that were told before and are gone come as `del` among it, so a reader
 *   may take no notice of the reset; one that began with a token of its own has to drop what is not told again.
 * - `changes`: objects that were added, changed or removed. Never a `del` of an object that was not told, never an `add` of one that was.
 * - `synced`: what was told so far is the state of the pool as of `token`, from which a later reader may go on.
 */
export type XapiChanges<C extends EventClassName = EventClassName> =
  | { readonly kind: 'reset'; readonly reason: ResetReason }
  | { readonly kind: 'changes'; readonly changes: readonly XapiChange<C>[] }
  | { readonly kind: 'synced'; readonly token: string }
