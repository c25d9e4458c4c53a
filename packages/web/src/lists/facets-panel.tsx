import type { QueryType } from '@nixen/api'
import { useDeferredValue, useMemo, useState, type ReactNode } from 'react'
import { formatCount } from '../format/format.ts'
import { lists } from '../i18n/lists.ts'
import { inventory } from '../live/live.ts'
import { cx } from '../ui/class-names.ts'
import { facetsOf, hasTerm, toggleTerm, type FacetValue } from './facets.ts'

/** Values of a facet before the rest is asked for. */
const few = 6
const many = 100

/** A field that a list is narrowed by, and its name for people. */
export interface Facet {
  readonly field: string
  readonly title: string
  /** Values in the language of the page. */
  readonly words?: Readonly<Record<string, string>>
}

export interface FacetsPanelProps {
  readonly type: QueryType
  readonly facets: readonly Facet[]
  /** What the query finds now: the counts are of these. */
  readonly objects: readonly object[]
  readonly q: string
  readonly onChange: (q: string) => void
}

/** What a list can be narrowed by, with how many objects that leaves. Typing does not wait for the counts. */
export function FacetsPanel({ type, facets, objects, q, onChange }: FacetsPanelProps): ReactNode {
  const counted = useDeferredValue(objects)
  const fields = facets.map(({ field }) => field).join()
  const found = useMemo(
    () => facetsOf({ type, fields: fields.split(','), objects: counted, nameOf: inventory.nameOf }),
    [type, fields, counted],
  )
  return (
    <section
      aria-label={lists.facets}
      tabIndex={0}
      className="bg-panel border-line flex w-56 shrink-0 flex-col gap-4 overflow-auto rounded-lg border p-3 max-md:max-h-48 max-md:w-auto"
    >
      {facets.map((facet) => (
        <Values
          key={facet.field}
          facet={facet}
          values={found.get(facet.field) ?? []}
          q={q}
          toggle={(term) => onChange(toggleTerm(q, term))}
        />
      ))}
    </section>
  )
}

interface ValuesProps {
  readonly facet: Facet
  readonly values: readonly FacetValue[]
  readonly q: string
  readonly toggle: (term: string) => void
}

function Values({ facet, values, q, toggle }: ValuesProps): ReactNode {
  const [isWhole, setWhole] = useState(false)
  if (values.length === 0) return null
  const shown = values.filter(({ term }, index) => index < (isWhole ? many : few) || hasTerm(q, term))
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1 font-semibold">{facet.title}</legend>
      <ul>
        {shown.map(({ label, term, count }) => (
          <li key={term}>
            <label
              className={cx(
                'hover:bg-hover flex min-h-7 items-center gap-2 rounded px-1',
                hasTerm(q, term) && 'bg-chosen',
              )}
            >
              <input
                type="checkbox"
                className="accent-solid size-4 shrink-0"
                checked={hasTerm(q, term)}
                onChange={() => toggle(term)}
              />
              <span className="min-w-0 flex-1 truncate" title={facet.words?.[label] ?? label}>
                {facet.words?.[label] ?? label}
              </span>
              <span className="text-muted shrink-0 text-xs">{formatCount(count)}</span>
            </label>
          </li>
        ))}
      </ul>
      {!isWhole && values.length > shown.length && (
        <button
          type="button"
          className="text-accent min-h-6 px-1 text-xs hover:underline"
          onClick={() => setWhole(true)}
        >
          {lists.facetMore({ n: values.length - shown.length })}
        </button>
      )}
    </fieldset>
  )
}
