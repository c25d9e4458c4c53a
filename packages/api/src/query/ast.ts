/** A piece of the text of a query, in UTF-16 code units. */
export interface Span {
  readonly offset: number
  readonly length: number
}

/** What a term looks for. In a word `*` stands for any letters; in quotes it is a star. */
export type Value =
  | { readonly kind: 'word'; readonly text: string; readonly at: Span }
  | { readonly kind: 'quoted'; readonly text: string; readonly at: Span }
  | { readonly kind: 'regex'; readonly source: string; readonly ignoreCase: boolean; readonly at: Span }

/** How a term compares; `:` alone is the usual way of the field. */
export type Operator = ':' | '=' | '<' | '<=' | '>' | '>='

/** One condition: `web`, `power:running,paused`, `memory:>8GiB`. Without a field it looks in names, tags, addresses, … */
export interface Term {
  readonly kind: 'term'
  readonly field?: { readonly name: string; readonly at: Span }
  readonly operator: Operator
  /** At least one; any of them will do. */
  readonly values: readonly Value[]
  readonly at: Span
}

/** A query as it is written; nothing in it was compared with fields that exist. */
export type Query =
  | { readonly kind: 'all' }
  | { readonly kind: 'and'; readonly of: readonly Query[] }
  | { readonly kind: 'or'; readonly of: readonly Query[] }
  | { readonly kind: 'not'; readonly of: Query }
  | Term

/** What is wrong with a query, and where. */
export interface QueryProblem extends Span {
  readonly message: string
  /** What was probably meant, to be put in place of the span. */
  readonly suggestion?: string | undefined
}

/** No query is longer, in UTF-16 code units. */
export const maxQueryLength = 4096
/** Brackets and nots can be nested so deep. */
export const maxQueryDepth = 32
