import { parseId, queryTable, type QueryType } from '@nixen/api'

/** A value that a field has in a list. */
export interface FacetValue {
  readonly label: string
  /** The condition that finds it. */
  readonly term: string
  readonly count: number
}

export interface FacetsInput {
  readonly type: QueryType
  readonly fields: readonly string[]
  readonly objects: readonly object[]
  readonly nameOf: (id: string) => string | undefined
}

/** The values of some fields with how many objects have each, the most frequent first. */
export function facetsOf({ type, fields, objects, nameOf }: FacetsInput): ReadonlyMap<string, readonly FacetValue[]> {
  const table = queryTable(type)
  const now = Date.now()
  return new Map(
    fields.flatMap((name) => {
      const field = table.find(name)
      if (!field) return []
      const counts = new Map<string, number>()
      for (const object of objects) {
        const value = field.read(object, now)
        for (const one of Array.isArray(value) ? value : [value])
          if (typeof one === 'string' && one !== '') counts.set(one, (counts.get(one) ?? 0) + 1)
      }
      const labels = [...counts].map(([value, count]) => ({ value, count, label: labelOf(value, nameOf) }))
      const values = labels.map(({ value, count, label }) => {
        // Two hosts of one name are told apart by their ids.
        const isUnique = labels.every((other) => other.value === value || other.label !== label)
        return { label, count, term: `${name}:=${quoted(isUnique ? label : value)}` }
      })
      return [[name, values.toSorted((a, b) => b.count - a.count || a.label.localeCompare(b.label))] as const]
    }),
  )
}

function labelOf(value: string, nameOf: FacetsInput['nameOf']): string {
  return parseId(value) ? (nameOf(value) ?? value) : value
}

function quoted(text: string): string {
  return /^[\p{L}\p{N}_-]+$/u.test(text) && !/^(and|or|not)$/i.test(text)
    ? text
    : `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}

/** Whether the conditions of a query have this one. */
export function hasTerm(q: string, term: string): boolean {
  return ` ${q} `.includes(` ${term} `)
}

/** The query with the condition, or without it when it is there. A query with `or` is put in parentheses first. */
export function toggleTerm(q: string, term: string): string {
  if (hasTerm(q, term)) return ` ${q} `.replace(` ${term} `, ' ').trim()
  const rest = q.trim()
  if (rest === '') return term
  return `${/\bor\b|\|/i.test(rest) && !/^\([^()]*\)$/.test(rest) ? `(${rest})` : rest} ${term}`
}
