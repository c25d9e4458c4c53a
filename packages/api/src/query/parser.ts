import { maxQueryDepth, maxQueryLength, type Query, type QueryProblem } from './ast.ts'
import { QueryFault, tokenize, type Token } from './lexer.ts'

export type ParsedQuery =
  | { readonly ok: true; readonly query: Query }
  | { readonly ok: false; readonly problem: QueryProblem }

/**
 * Parses a query (docs/reference/query-language.md). Never throws: a problem says where it is. Takes time in proportion to the text,
 * which may have {@link maxQueryLength} letters and be nested {@link maxQueryDepth} deep.
 */
export function parseQuery(text: string): ParsedQuery {
  return attempt(() => ({ ok: true, query: parse(text) }))
}

/** Runs `work`; a {@link QueryFault} in it becomes the problem that is given back. */
export function attempt<T>(work: () => T): T | { readonly ok: false; readonly problem: QueryProblem } {
  try {
    return work()
  } catch (error) {
    if (error instanceof QueryFault) return { ok: false, problem: error.problem }
    throw error
  }
}

/** As {@link parseQuery}, but throws a {@link QueryFault}. */
export function parse(text: string): Query {
  if (text.length > maxQueryLength) {
    const message = `The query has ${text.length} letters; ${maxQueryLength} are the most.`
    throw new QueryFault({ offset: maxQueryLength, length: text.length - maxQueryLength, message })
  }
  const tokens = tokenize(text)
  if (tokens.length === 0) return { kind: 'all' }
  const parser = new Parser(tokens, text.length)
  return parser.whole()
}

class Parser {
  readonly #tokens: readonly Token[]
  readonly #end: number
  #next = 0
  #depth = 0

  constructor(tokens: readonly Token[], end: number) {
    this.#tokens = tokens
    this.#end = end
  }

  whole(): Query {
    const query = this.#or()
    const rest = this.#peek()
    // Only a bracket can be left: everything else begins another condition.
    if (rest) throw this.#fault(rest, 'There is no opening bracket for this one.')
    return query
  }

  #or(): Query {
    const of = [this.#and()]
    while (this.#peek()?.kind === 'or') {
      this.#next++
      of.push(this.#and())
    }
    return several('or', of)
  }

  #and(): Query {
    const of = [this.#not()]
    for (;;) {
      const token = this.#peek()
      if (!token || token.kind === 'or' || token.kind === ')') return several('and', of)
      if (token.kind === 'and') this.#next++
      of.push(this.#not())
    }
  }

  #not(): Query {
    const token = this.#peek()
    if (token?.kind === 'term') {
      this.#next++
      return token.term
    }
    if (!token || (token.kind !== 'not' && token.kind !== '(')) {
      throw this.#fault(
        token,
        token ? `A condition is missing before "${token.kind}".` : 'A condition is missing at the end.',
      )
    }
    if (++this.#depth > maxQueryDepth) throw this.#fault(token, `Nested deeper than ${maxQueryDepth}.`)
    this.#next++
    const query: Query = token.kind === 'not' ? { kind: 'not', of: this.#not() } : this.#inBrackets(token)
    this.#depth--
    return query
  }

  #inBrackets(open: Token): Query {
    const query = this.#or()
    if (this.#peek()?.kind !== ')') throw this.#fault(open, 'The closing bracket for this one is missing.')
    this.#next++
    return query
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next]
  }

  #fault(token: Token | undefined, message: string): QueryFault {
    return new QueryFault({ offset: token?.offset ?? this.#end, length: token?.length ?? 0, message })
  }
}

function several(kind: 'and' | 'or', of: readonly Query[]): Query {
  const [only] = of
  return of.length === 1 && only ? only : { kind, of }
}
