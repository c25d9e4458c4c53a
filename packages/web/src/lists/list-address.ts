import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'

/** Query and order of a list. */
export interface ListAddress {
  readonly q: string
  /** Another query; with another order when it is given. */
  readonly setQ: (q: string, sort?: string) => void
  readonly sort: string
  readonly setSort: (sort: string) => void
}

/** Query and order, in the address; while somebody types, the address follows after a while. */
export function useListAddress(defaultSort: string): ListAddress {
  const { q: given = '', sort = defaultSort } = useSearch({ strict: false })
  const navigate = useNavigate()
  const [q, setQ] = useState(given)
  const written = useRef(given)
  useEffect(() => {
    // Back, forward, or a link to another query of this list.
    if (given === written.current) return
    written.current = given
    setQ(given)
  }, [given])
  useEffect(() => {
    if (q === written.current) return
    const timer = setTimeout(() => {
      written.current = q
      void navigate({ to: '.', search: (before) => ({ ...before, q: q || undefined }), replace: true })
    }, 300)
    return () => clearTimeout(timer)
  }, [q, navigate])
  const take = (next: string, order?: string): void => {
    setQ(next)
    if (order === undefined) return
    written.current = next
    void navigate({
      to: '.',
      search: (before) => ({ ...before, q: next || undefined, sort: order === defaultSort ? undefined : order }),
    })
  }
  const setSort = (next: string): void =>
    void navigate({
      to: '.',
      search: (before) => ({ ...before, sort: next === defaultSort ? undefined : next }),
      replace: true,
    })
  return { q, setQ: take, sort, setSort }
}
