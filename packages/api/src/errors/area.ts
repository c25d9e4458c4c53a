import { catalogue, type ErrorCatalogue, type ErrorSpec } from '@nixen/core'

/** An error with an example of its parameters, for the reference. */
export interface DocumentedError<P> extends ErrorSpec<P> {
  /** Parameters that make a typical sentence. */
  readonly example: P
}

// The `any` lets each entry have parameters of its own, as in core's `catalogue`.
// oxlint-disable-next-line typescript/no-explicit-any
type Specs = Record<string, DocumentedError<any>>

/** The errors of one area of the contract, with what the reference says of them. */
export interface ErrorArea<A extends string, S extends Specs> {
  readonly area: A
  readonly specs: S
  readonly make: ErrorCatalogue<S>
}

/** Codes of an area: `vm.not_found`, … */
export type CodesOf<T> = T extends ErrorArea<infer A, infer S> ? `${A}.${keyof S & string}` : never

/** Declares the errors of one area; like core's `catalogue`, with an example each. */
export function errorArea<const A extends string, S extends Specs>(area: A, specs: S): ErrorArea<A, S> {
  return { area, specs, make: catalogue(area, specs) }
}
