import type { ClassName } from '../generated/records.ts'

declare const refClass: unique symbol
declare const taskResult: unique symbol

/** A time in milliseconds since 1970-01-01T00:00:00Z. XAPI keeps whole seconds. */
export type EpochMs = number

/** An opaque reference to an object of class `C`; a string at run time. No object is `null`. */
export type Ref<C extends ClassName = ClassName> = string & { readonly [refClass]: C }

/** A reference to a task that ends with a result of type `Result`. */
export type TaskRef<Result = unknown> = Ref<'task'> & { readonly [taskResult]: Result }

/** Takes text as a reference of class `C`: for references that were stored or come from elsewhere. Nothing is checked. */
export function asRef<C extends ClassName>(className: C, text: string): Ref<C> {
  void className
  return text as Ref<C>
}
